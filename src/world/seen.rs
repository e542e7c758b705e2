//! Values together with the answer that they were read from.

use std::sync::Arc;

use super::transport::Answer;
use crate::finding::NoAnswer;

/// A value and the answer that it was read from.
#[derive(Debug, Clone)]
pub struct Seen<T> {
    /// The value.
    pub value: T,
    /// The answer.
    pub answer: Arc<Answer>,
}

/// A list, read to its last page as far as possible.
#[derive(Debug, Clone)]
pub struct List<T> {
    /// Every item that could be read.
    pub items: Vec<T>,
    /// One reason for each item and each page that could not be read. An item missing from `items` may be among them.
    pub unread: Vec<NoAnswer>,
    /// The answer that held the first page.
    pub answer: Arc<Answer>,
}
