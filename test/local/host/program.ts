import { runLocal } from "holdfast/local";
import { app } from "./app.ts";

/** A host as a program of its own. `slow` commands go on at SIGUSR2, or 50 ms after the shutdown began. */
const go = new Promise<void>((resolve) => {
  process.once("SIGUSR2", () => resolve());
  const mode = process.env["SLOW_MODE"];
  if (mode !== "hang") process.once("SIGTERM", () => setTimeout(resolve, 50));
});
let started = 0;

await runLocal(app, {
  synchronous: "normal",
  server: { closeTimeoutMs: Number(process.env["CLOSE_MS"] ?? 5_000) },
  services: {
    slow: () => {
      started++;
      if (started === 1) process.stderr.write("slow has begun\n");
      return go;
    },
  },
});
