import { runLocal } from "holdfast/local";
import { welcome } from "../examples/shop/welcome.ts";
import app from "./app.ts";

/** The app in one process, on SQLite. */
const host = await runLocal(app);
if (host) process.stderr.write(welcome(host.url));
