import { createStreamHandler, type StreamHandler } from "holdfast/aws/lambda";
import { crash } from "./deployment.ts";

export const handler: StreamHandler = createStreamHandler(crash);
