import { runLocal } from "holdfast/local";
import { app } from "./app.ts";

/** The app as a process of its own, to be killed. With SLOW=hang an `addLater` never gets past its preparation. */
await runLocal(app, {
  synchronous: "normal",
  services: { slow: process.env["SLOW"] === "hang" ? () => new Promise<void>(() => {}) : async () => {} },
});
