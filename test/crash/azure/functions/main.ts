import { setTimeout as sleep } from "node:timers/promises";
import { register } from "holdfast/azure/functions";
import { crashApp, type Outside } from "../../app.ts";
import { perform, report } from "../../recorder.ts";

const recorder = process.env["HOLDFAST_CRASH_RECORDER"] ?? "";

const services: Outside = {
  see: (sighting) => report(recorder, sighting),
  perform: (deed) => perform(recorder, deed),
  // In real time; some take long: a process that is stopped is in the middle of something.
  pause: () => sleep(Math.random() * (Math.random() < 0.1 ? 60 : 3)),
};

// The app that crashes, on Azure. Clients that give up an attempt are to hear of an append in doubt before.
register(crashApp, { services, public: true, authLevel: "anonymous", limits: { settleMs: 2_000 } });
