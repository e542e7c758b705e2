//! What `GET /v1/environment` shows to everybody.

use serde_json::{Value, json};

use super::joined;
use super::state::{Condition, Environment, State};

/// The whole answer.
pub(super) fn environment(state: &State) -> Value {
    json!({
        "auth_config": auth_config(state),
        "display_config": display_config(state),
        "user_settings": user_settings(state),
        "organization_settings": {
            "enabled": false, "max_allowed_memberships": 5, "actions": { "admin_delete": true },
            "domains": { "enabled": false, "enrollment_modes": [], "default_role": "org:member" },
            "slug": { "disabled": true }, "creator_role": "org:admin",
        },
        "fraud_settings": { "object": "fraud_settings", "native": { "device_attestation_mode": "disabled" } },
        "commerce_settings": { "billing": {
            "stripe_publishable_key": null, "free_trial_requires_payment_method": true,
            "user": { "enabled": false, "has_paid_plans": false },
            "organization": { "enabled": false, "has_paid_plans": false },
        }},
        "api_keys_settings": { "enabled": false, "user_api_keys_enabled": false, "orgs_api_keys_enabled": false },
        "protect_config": { "loaders": [] },
        "client_debug_mode": false,
        "partitioned_cookies": true,
        "maintenance_mode": state.frontend_api.condition == Condition::Maintenance,
    })
}

fn auth_config(state: &State) -> Value {
    let shown = &state.frontend_api;
    json!({
        "object": "auth_config", "id": "aconf_2acme000000000000000000000",
        "first_name": "off", "last_name": "off", "email_address": "required", "phone_number": "off",
        "username": "off", "password": "required",
        "identification_requirements": [["email_address"], []], "identification_strategies": ["email_address"],
        "first_factors": ["email_code", "password", "reset_password_email_code", "ticket"], "second_factors": ["totp"],
        "email_address_verification_strategies": ["email_code"],
        "single_session_mode": true, "enhanced_email_deliverability": false, "test_mode": shown.test_mode,
        "url_based_session_syncing": state.instance.environment == Environment::Development,
        "claimed_at": null, "reverification": true,
        "native_settings": {
            "object": "native_settings", "api_enabled": shown.native_api, "trusted_device_sign_in_enabled": false,
            "trusted_device_enrollment_prompt_after_sign_in_enabled": false,
            "trusted_device_enrollment_prompt_after_sign_up_enabled": false,
        },
    })
}

fn display_config(state: &State) -> Value {
    let api = &state.frontend_api;
    let accounts = format!("https://accounts.{}", api.domain);
    let home = &api.home_url;
    let shown = json!({
        "object": "display_config", "id": "display_config_2acme00000000000000000",
        "instance_environment_type": state.instance.environment, "application_name": api.application_name,
        "theme": {}, "preferred_sign_in_strategy": "password",
        "logo_image_url": null, "favicon_image_url": null, "home_url": home,
        "sign_in_url": format!("{accounts}/sign-in"), "sign_up_url": format!("{accounts}/sign-up"),
        "user_profile_url": format!("{accounts}/user"), "waitlist_url": format!("{accounts}/waitlist"),
        "oauth_consent_url": format!("{accounts}/oauth-consent"),
        "after_sign_in_url": home, "after_sign_up_url": home, "after_sign_out_one_url": format!("{accounts}/sign-in/choose"),
        "after_sign_out_all_url": format!("{accounts}/sign-in"), "after_switch_session_url": home,
        "after_join_waitlist_url": home, "organization_profile_url": format!("{accounts}/organization"),
        "create_organization_url": format!("{accounts}/create-organization"),
        "after_leave_organization_url": home, "after_create_organization_url": home, "logo_link_url": home,
        "support_email": api.support_email, "branded": true, "experimental_force_oauth_first": false,
        "clerk_js_version": "6", "show_devmode_warning": state.instance.environment == Environment::Development,
        "google_one_tap_client_id": null, "help_url": null, "privacy_policy_url": null, "terms_url": null,
        "logo_url": null, "favicon_url": null, "logo_image": null, "favicon_image": null,
    });
    let captcha = json!({
        "captcha_public_key": "0x4AAAAAAAAcmeSandbox", "captcha_widget_type": "smart",
        "captcha_public_key_invisible": "0x4AAAAAAAAcmeUnseen", "captcha_provider": "turnstile",
        "captcha_oauth_bypass": [], "captcha_heartbeat": false,
    });
    joined(shown, captcha)
}

fn user_settings(state: &State) -> Value {
    let attribute = |enabled: bool| {
        let strategies: &[&str] = if enabled { &["email_code"] } else { &[] };
        json!({
            "enabled": enabled, "required": enabled, "used_for_first_factor": enabled, "first_factors": strategies,
            "used_for_second_factor": false, "second_factors": [], "verifications": strategies,
            "verify_at_sign_up": enabled, "immutable": false,
        })
    };
    json!({
        "attributes": {
            "email_address": attribute(true), "phone_number": attribute(false), "username": attribute(false),
            "web3_wallet": attribute(false), "first_name": attribute(false), "last_name": attribute(false),
            "password": attribute(true), "authenticator_app": attribute(false), "ticket": attribute(true),
            "backup_code": attribute(false), "passkey": attribute(false),
        },
        "social": {},
        "saml": { "enabled": false }, "enterprise_sso": { "enabled": false },
        "sign_in": { "second_factor": { "required": false } },
        "sign_up": {
            "captcha_enabled": true, "captcha_widget_type": "smart", "custom_action_required": false,
            "progressive": true, "mode": state.frontend_api.sign_up, "legal_consent_enabled": false,
        },
        "restrictions": {
            "allowlist": { "enabled": false }, "blocklist": { "enabled": false },
            "allowlist_blocklist_disabled_on_sign_in": { "enabled": false },
            "block_email_subaddresses": { "enabled": false }, "block_disposable_email_domains": { "enabled": false },
        },
        "password_settings": {
            "disable_hibp": false, "disable_password_reverification": false, "min_length": 8, "max_length": 72,
            "require_special_char": false, "require_numbers": false, "require_uppercase": false,
            "require_lowercase": false, "show_zxcvbn": false, "min_zxcvbn_strength": 0, "enforce_hibp_on_sign_in": true,
            "allowed_special_characters": "",
        },
        "username_settings": {
            "min_length": 4, "max_length": 64, "allow_extended_special_characters": false,
            "allow_numeric_usernames": false,
        },
        "actions": { "delete_self": true, "create_organization": false, "create_organizations_limit": null },
        "attack_protection": {
            "user_lockout": { "enabled": true, "max_attempts": 100, "duration_in_minutes": 60 },
            "pii": { "enabled": true }, "email_link": { "require_same_client": true },
            "enumeration_protection": { "enabled": false },
        },
        "passkey_settings": { "allow_autofill": true, "show_sign_in_button": true, "satisfies_second_factor": true },
    })
}
