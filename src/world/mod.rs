//! What a check may ask.

pub mod subjects {
    //! What checks judge.
}
/// The world.
#[derive(Debug)]
pub struct World;
