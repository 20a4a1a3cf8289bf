// The first that a process of the functions loads: its time goes as fast as the cloud's.

import { speedUp } from "../local/clock.ts";
import { speed } from "./messages.ts";

speedUp(Number(process.env["HOLDFAST_CRASH_ORIGIN"]), speed);
