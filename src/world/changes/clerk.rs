//! Changes at Clerk.

use reqwest::Method;
use serde_json::Value;

use super::{ChangeDoor, ChangeRequest, Made, NotMade, Segment, moved_to};
use crate::change::{Change, ClerkMetadata, ClerkTemplate};
use crate::holder::HolderKind;
use crate::world::clerk::version;
use crate::world::id::ApiPath;
use crate::world::transport::{Credential, Party, Retry};

impl ChangeDoor<'_> {
    pub(super) async fn set_metadata(&self, metadata: &ClerkMetadata, change: &Change) -> Result<Made, NotMade> {
        let kind = HolderKind::of_id(&metadata.holder);
        let path = ApiPath::of_holders(kind).then("/").id(&Segment(&metadata.holder));
        let (holder, credential) = self.read_clerk(&path).await?;
        let found = holder["public_metadata"].get(&metadata.key).cloned().unwrap_or(Value::Null);
        if found == metadata.after {
            return Ok(Made::AlreadyRight);
        }
        if found != metadata.before {
            return Err(moved_to(change, &format!("public_metadata.{}", metadata.key), &found));
        }
        self.record(change, true)?;
        self.send_clerk(Method::PATCH, &path.then("/metadata"), &metadata.body(), credential).await
    }

    pub(super) async fn set_template(&self, template: &ClerkTemplate, change: &Change) -> Result<Made, NotMade> {
        let list = ApiPath::new("/v1/jwt_templates");
        let Some(id) = &template.id else {
            let (all, credential) = self.read_clerk(&list).await?;
            if let Some(found) = named(&all, &template.name) {
                return Err(moved_to(change, "name", &found["name"]));
            }
            self.record(change, false)?;
            return self.send_clerk(Method::POST, &list, &template.body(), credential).await;
        };
        let path = list.then("/").id(&Segment(id));
        let (found, credential) = self.read_clerk(&path).await?;
        let fields = || template.after.as_object().into_iter().flatten();
        if fields().all(|(field, after)| found[field] == *after) {
            return Ok(Made::AlreadyRight);
        }
        if let Some((field, _)) = fields().find(|(field, _)| found[*field] != template.before[*field]) {
            return Err(moved_to(change, field, &found[field]));
        }
        self.record(change, true)?;
        self.send_clerk(Method::PATCH, &path, &template.body(), credential).await
    }

    /// Deletes a template that a fix created.
    pub(super) async fn delete_template(&self, template: &ClerkTemplate, change: &Change) -> Result<Made, NotMade> {
        let (all, credential) = self.read_clerk(&ApiPath::new("/v1/jwt_templates")).await?;
        let Some(found) = named(&all, &template.name) else { return Ok(Made::AlreadyRight) };
        if let Some((field, _)) =
            template.after.as_object().into_iter().flatten().find(|(field, after)| found[*field] != **after)
        {
            return Err(moved_to(change, field, &found[field]));
        }
        let path = ApiPath::new("/v1/jwt_templates/").id(&Segment(found["id"].as_str().unwrap_or_default()));
        let url = path.at(&self.world.config.clerk.api_base);
        let (party, method, headers, retry) = (Party::Clerk, Method::DELETE, version(), Retry::Always);
        self.delete(ChangeRequest { party, method, url, headers, body: None, credential, retry }).await
    }

    async fn read_clerk(&self, path: &ApiPath) -> Result<(Value, Credential), NotMade> {
        let credential = self.world.clerk().credential()?;
        let url = path.at(&self.world.config.clerk.api_base);
        let value = self.read(Party::Clerk, url, version(), &credential).await?;
        Ok((value, credential))
    }

    async fn send_clerk(
        &self,
        method: Method,
        path: &ApiPath,
        body: &Value,
        credential: Credential,
    ) -> Result<Made, NotMade> {
        let url = path.at(&self.world.config.clerk.api_base);
        // A second POST would create a second template.
        let retry = if method == Method::POST { Retry::Never } else { Retry::Always };
        let body = Some(("application/json", body.to_string()));
        let (party, headers) = (Party::Clerk, version());
        self.send(ChangeRequest { party, method, url, headers, body, credential, retry }).await.map(|_| Made::Changed)
    }
}

/// The template with this name in a list of templates.
fn named<'v>(list: &'v Value, name: &str) -> Option<&'v Value> {
    list.as_array()?.iter().find(|template| template["name"] == name)
}
