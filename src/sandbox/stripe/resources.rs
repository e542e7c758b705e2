//! What lists and single objects have in common: filters, pages, and fields that are expanded or left out.

use serde_json::{Value, json};

use super::object_kind::ObjectKind;
use super::parameters::Parameters;
use super::request::{Call, StripeResult};
use super::store::{Created, Store, StoredObject, list_of, page};

/// The parameters that are booleans.
const BOOLEANS: [&str; 4] = ["active", "delivery_success", "is_default", "shippable"];

impl ObjectKind {
    /// Leaves the field out that is only shown on request, unless one of the wanted paths leads to it.
    pub(super) fn leave_out(self, body: &mut Value, wanted: &[&str]) {
        if self == Self::Discount && !wanted.iter().any(|wanted| wanted.starts_with("source.coupon")) {
            body["source"]["coupon"] = body["source"]["coupon"]["id"].take();
        }
        let Some((parent, field)) = self.left_out() else { return };
        let path = format!("{parent}/{field}")[1..].replace('/', ".");
        let parent = body.pointer_mut(parent).and_then(Value::as_object_mut);
        if let Some(parent) = parent.filter(|_| !wanted.iter().any(|wanted| wanted.starts_with(&path))) {
            parent.remove(field);
        }
    }
}

/// Answers with the page of a list that the parameters ask for.
pub(super) fn list(call: &Call) -> StripeResult {
    call.list(|_| true)
}

/// Answers with one object.
pub(super) fn retrieve(call: &Call) -> StripeResult {
    let store = call.stripe.store();
    if let Some(body) = call.stripe.many.find(call.kind, call.id).filter(|_| call.stripe.many.are_for(&call.caller)) {
        return Ok(call.shown(&store, call.kind, body));
    }
    let body = store.find(call.kind, call.id, &call.caller)?.body.clone();
    Ok(call.shown(&store, call.kind, body))
}

impl Call<'_> {
    /// A page of the list, with a filter besides the route's own.
    pub(super) fn list(&self, filter: impl Fn(&StoredObject) -> bool) -> StripeResult {
        for name in BOOLEANS {
            self.parameters.boolean(name)?;
        }
        let created = Created::read(&self.parameters)?;
        let store = self.stripe.store();
        let all: Vec<&StoredObject> = store
            .of(self.kind, &self.caller)
            .filter(|object| {
                created.has(object) && matches(&self.parameters, self.filters, &object.body) && filter(object)
            })
            .collect();
        if self.kind == ObjectKind::Subscription && self.stripe.many.are_for(&self.caller) {
            return self.stripe.many.page(&self.parameters, &all, &created);
        }
        let (page, has_more) = page(&all, self.kind, &self.parameters)?;
        let data = page.into_iter().map(|object| self.shown(&store, self.kind, object.body.clone()));
        Ok(list_of(data.collect(), has_more, self.path))
    }

    /// An object as the call wants to see it.
    pub(super) fn shown(&self, store: &Store, kind: ObjectKind, mut body: Value) -> Value {
        let wanted = self.parameters.all("expand").into_iter().chain(self.parameters.all("include"));
        // In a list, the paths begin at the list.
        let wanted: Vec<&str> = wanted.map(|path| path.strip_prefix("data.").unwrap_or(path)).collect();
        kind.leave_out(&mut body, &wanted);
        for path in wanted {
            self.expand(store, &mut body, path);
        }
        body
    }

    /// Replaces the IDs at a path by the objects that they are of.
    pub(super) fn expand(&self, store: &Store, value: &mut Value, path: &str) {
        if let Value::Array(items) = value {
            for item in items {
                self.expand(store, item, path);
            }
            return;
        }
        let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
        let Some(field) = value.get_mut(name) else { return };
        if let Value::Array(items) = field {
            for item in items {
                self.look_up(store, item, name, rest);
            }
        } else {
            self.look_up(store, field, name, rest);
        }
        if let Some(rest) = rest {
            self.expand(store, field, rest);
        }
    }

    /// Replaces an ID in a field with that name by its object.
    fn look_up(&self, store: &Store, field: &mut Value, name: &str, rest: Option<&str>) {
        let Some((id, kind)) = field.as_str().zip(ObjectKind::of_field(name)) else { return };
        match store.find(kind, id, &self.caller) {
            Ok(found) => {
                *field = found.body.clone();
                kind.leave_out(field, rest.as_slice());
            }
            // All that is left of a deleted product.
            Err(_) if kind == ObjectKind::Product => {
                *field = json!({ "id": id, "object": "product", "deleted": true });
            }
            Err(_) => {}
        }
    }
}

/// Whether an object's fields are what the parameters with these names say: `currency`, `recurring[interval]`.
fn matches(parameters: &Parameters, filters: &[&str], body: &Value) -> bool {
    parameters.iter().all(|(name, wanted)| {
        let base = name.split('[').next().unwrap_or_default();
        let pointer = format!("/{}", name.replace('[', "/").replace(']', ""));
        !filters.contains(&base) || body.pointer(&pointer).is_some_and(|value| is(value, wanted))
    })
}

fn is(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => text == wanted,
        other => serde_json::from_str::<Value>(wanted).is_ok_and(|wanted| wanted == *other),
    }
}
