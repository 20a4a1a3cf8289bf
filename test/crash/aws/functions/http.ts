import { createHttpHandler, type HttpHandler } from "holdfast/aws/lambda";
import { crash } from "./deployment.ts";

export const handler: HttpHandler = createHttpHandler(crash, { public: true });
