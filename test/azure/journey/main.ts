import { register } from "holdfast/azure/functions";
import { journeyApp, outsideIn } from "../../examples/journey-acceptance-app.ts";

// The app whose workflows are looked at, on Azure.
register(journeyApp, {
  services: outsideIn(process.env["HOLDFAST_JOURNEY_LOG"] ?? ""),
  public: true,
  authLevel: "anonymous",
});
