import { runLocal } from "holdfast/local";
import app from "./app.ts";

/** The app in one process, on SQLite. */
await runLocal(app);
