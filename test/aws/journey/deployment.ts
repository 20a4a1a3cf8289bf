import { createDeployment, type Container } from "holdfast/aws/lambda";
import { journeyApp, outsideIn } from "../../examples/journey-acceptance-app.ts";

/** The app whose workflows are looked at, on AWS. */
export const journeys: Container = createDeployment(journeyApp, {
  services: () => outsideIn(process.env["HOLDFAST_JOURNEY_LOG"] ?? ""),
});
