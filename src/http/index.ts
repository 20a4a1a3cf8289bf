export type { Problem } from "./answer.ts";
export type { BodySource } from "./body.ts";
export type { Http } from "./create-http.ts";
export { createHttp } from "./create-http.ts";
export type { HttpEnv } from "./exchange.ts";
export { anonymousPrincipal } from "./exchange.ts";
export type { OpenApi, OpenApiInfo } from "./openapi.ts";
export { createOpenApi } from "./openapi.ts";
export type { Authenticate, HttpOptions } from "./options.ts";
