//! Lines of code for the Worker's webhook handler, for the fixes of its checks.

use crate::check::prelude::*;

/// Verifies a delivery as Stripe's SDK does in a Worker.
pub(super) fn verification(world: &World) -> String {
    let secret = &world.config().stripe.webhook_secret.name;
    format!(
        "const body = await request.text();\n\
         const signature = request.headers.get(\"Stripe-Signature\") ?? \"\";\n\
         let event;\n\
         try {{\n\
         \x20 event = await stripe.webhooks.constructEventAsync(body, signature, env.{secret});\n\
         }} catch {{\n\
         \x20 return new Response(\"invalid signature\", {{ status: 400 }});\n\
         }}"
    )
}

/// Answers what the Worker does not handle as it answers what it handles.
pub(super) const OTHER_TYPES: &str = "default:\n  return Response.json({ received: true });";

/// What the handler answers.
pub(super) const ANSWER: &str = "return Response.json({ received: true });";

/// Answers before the work is done.
pub(super) const LATER: &str = "ctx.waitUntil(handleEvent(event, env));\nreturn Response.json({ received: true });";

/// Handles each event once. Stripe retries an event for three days.
pub(super) const ONCE: &str = "if (await env.HANDLED_EVENTS.get(event.id)) return Response.json({ received: true });\n\
    // Handle the event.\n\
    await env.HANDLED_EVENTS.put(event.id, \"1\", { expirationTtl: 3 * 24 * 60 * 60 });";

/// Calls the handler before any redirect, authentication or catch-all.
pub(super) fn route(path: &str) -> String {
    format!(
        "const {{ pathname }} = new URL(request.url);\n\
         if (request.method === \"POST\" && pathname === \"{path}\") return handleStripeEvent(request, env);"
    )
}
