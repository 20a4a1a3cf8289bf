import { createDeployment, type Container } from "holdfast/aws/lambda";
import { shopServices } from "../../examples/shop/services.ts";
import app from "../app.ts";

/** The shop on AWS, as the functions' environment says. */
export const shop: Container = createDeployment(app, { services: () => shopServices(process.env) });
