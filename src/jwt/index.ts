export { authenticateJwt } from "./authenticate-jwt.ts";
export type { Jwks, JwtOptions } from "./options.ts";
