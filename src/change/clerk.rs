//! Changes at Clerk.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{quoted, shown};
use crate::holder::HolderKind;

/// The dashboard's page with the JWT templates of the instance.
pub(super) const TEMPLATES: &str = "https://dashboard.clerk.com/last-active?path=jwt-templates";

/// A change of one key in the public metadata of a user or an organization.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClerkMetadata {
    /// The base URL of the API, without a slash at the end.
    pub api: String,
    /// The variable that holds the secret key.
    pub key_variable: String,
    /// `user_…` or `org_…`.
    #[serde(rename = "user")]
    pub holder: String,
    /// The key.
    pub key: String,
    /// The value as it was read; null if there was none.
    pub before: Value,
    /// The new value; null removes it.
    pub after: Value,
}

/// A change of a JWT template, or a new one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClerkTemplate {
    /// The base URL of the API, without a slash at the end.
    pub api: String,
    /// The variable that holds the secret key.
    pub key_variable: String,
    /// The template's ID. `None` creates one.
    pub id: Option<String>,
    /// The template's name.
    pub name: String,
    /// The fields as they were read; null if there was no template.
    pub before: Value,
    /// The new fields.
    pub after: Value,
}

impl ClerkMetadata {
    /// What it changes.
    pub(super) fn kind(&self) -> HolderKind {
        HolderKind::of_id(&self.holder)
    }

    /// The path of the request.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/v1/{}/{}/metadata", self.kind().plural(), self.holder)
    }

    /// The body of the request, which Clerk merges into the metadata.
    #[must_use]
    pub fn body(&self) -> Value {
        let plan = Map::from_iter([(self.key.clone(), self.after.clone())]);
        json!({ "public_metadata": plan })
    }

    pub(super) fn command(&self) -> String {
        request("PATCH", &self.api, &self.path(), &self.key_variable, &self.body())
    }

    pub(super) fn link(&self) -> String {
        format!("https://dashboard.clerk.com/last-active?path={}/{}", self.kind().plural(), self.holder)
    }

    pub(super) fn row(&self) -> (String, String, String) {
        (format!("public_metadata.{}", self.key), shown(&self.before), shown(&self.after))
    }
}

impl ClerkTemplate {
    /// The path of the request.
    #[must_use]
    pub fn path(&self) -> String {
        self.id.as_ref().map_or_else(|| "/v1/jwt_templates".to_owned(), |id| format!("/v1/jwt_templates/{id}"))
    }

    /// The body of the request.
    #[must_use]
    pub fn body(&self) -> Value {
        let mut body = self.after.clone();
        body["name"] = self.name.clone().into();
        body
    }

    pub(super) fn command(&self) -> String {
        let method = if self.id.is_some() { "PATCH" } else { "POST" };
        request(method, &self.api, &self.path(), &self.key_variable, &self.body())
    }

    pub(super) fn rows(&self) -> Vec<(String, String, String)> {
        let fields = self.after.as_object().into_iter().flatten();
        let fields = fields.filter(|(name, after)| self.before[name.as_str()] != **after);
        fields.map(|(name, after)| (name.clone(), shown(&self.before[name]), shown(after))).collect()
    }
}

/// A `curl` command that takes the key from the environment.
fn request(method: &str, api: &str, path: &str, key_variable: &str, body: &Value) -> String {
    format!(
        "curl -fsS -X {method} {} -H \"Authorization: Bearer ${key_variable}\" -H 'Content-Type: application/json' -d {}",
        quoted(&format!("{api}{path}")),
        quoted(&body.to_string())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_takes_the_key_from_the_environment() {
        let change = ClerkMetadata {
            api: "https://api.clerk.com".to_owned(),
            key_variable: "CLERK_SECRET_KEY".to_owned(),
            holder: "user_1".to_owned(),
            key: "plan".to_owned(),
            before: json!("Pro"),
            after: json!("pro"),
        };
        assert_eq!(
            change.command(),
            "curl -fsS -X PATCH https://api.clerk.com/v1/users/user_1/metadata -H \"Authorization: Bearer \
             $CLERK_SECRET_KEY\" -H 'Content-Type: application/json' -d '{\"public_metadata\":{\"plan\":\"pro\"}}'"
        );
    }
}
