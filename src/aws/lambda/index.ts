export type { Container, ContainerPorts, Instance, Messaging } from "./container.ts";
export { createContainer } from "./container.ts";
export type { DeploymentOptions } from "./deployment.ts";
export { createDeployment } from "./deployment.ts";
export type {
  Authorizer,
  HttpAnswer,
  HttpEvent,
  IamIdentity,
  JwtIdentity,
  LambdaIdentity,
} from "./http/event.ts";
export type { HttpHandler } from "./http/handler.ts";
export { createHttpHandler } from "./http/handler.ts";
export type { HttpHandlerOptions } from "./http/options.ts";
export { createJsonLogger } from "../../core/runtime/json-logger.ts";
export type { Middleware } from "./middlewares.ts";
export {
  holdfastContext,
  holdfastCorrelation,
  holdfastDeadline,
  holdfastFlush,
  holdfastLog,
} from "./middlewares.ts";
export type { PrincipalMap } from "../../http/principal-map.ts";
export type { LambdaAuthenticate } from "./principals.ts";
export { iamPrincipal, jwtPrincipal, lambdaPrincipal } from "./principals.ts";
export type { BatchAnswer, Queue, QueueEvent, QueueRecord } from "./queue/event.ts";
export type { QueueHandler, QueueHandlerOptions } from "./queue/handler.ts";
export { createQueueHandler } from "./queue/handler.ts";
export type { ChangeVisibility, Delay } from "./queue/visibility.ts";
export { createChangeVisibility } from "./queue/visibility.ts";
export type { StreamEvent, StreamRecord } from "./stream/event.ts";
export type { StreamHandler } from "./stream/handler.ts";
export { createStreamHandler } from "./stream/handler.ts";
