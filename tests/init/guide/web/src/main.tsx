import { ClerkProvider } from "@clerk/clerk-react";
import { createRoot } from "react-dom/client";

import { Upgrade } from "./Upgrade";

createRoot(document.getElementById("root")!).render(
  <ClerkProvider publishableKey={import.meta.env.VITE_CLERK_PUBLISHABLE_KEY}>
    <Upgrade />
  </ClerkProvider>,
);
