// The first that a process of the functions loads: its time goes as fast as the cloud's, and its own connections to the
// broker go where the harness breaks them; those of its host do not.

import { speedUpDates } from "./clock.ts";
import { speed } from "./messages.ts";

speedUpDates(Number(process.env["HOLDFAST_CRASH_ORIGIN"]), speed);
process.env["HOLDFAST_SERVICEBUS"] = process.env["HOLDFAST_CRASH_SERVICEBUS"] ?? "";
