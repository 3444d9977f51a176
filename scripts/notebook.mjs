// npm run notebook: sets up, then serves the notebooks to a browser on this machine.
import { createRequire } from "node:module";
import { join } from "node:path";
import { setup } from "./setup.mjs";
import { main, root } from "./tools.mjs";

await main(async () => {
  await setup();
  const { serve } = createRequire(import.meta.url)(join(root, "dist", "kernel", "serve.js"));
  return serve();
});
