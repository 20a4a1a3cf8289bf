export type { PrincipalMap } from "../../http/principal-map.ts";
export type { InstancePorts } from "./instance.ts";
export type { AuthLevel, RegisterOptions } from "./options.ts";
export type { EasyAuthIdentity } from "./principals.ts";
export { easyAuthPrincipal, functionKeyPrincipal } from "./principals.ts";
export { register } from "./register.ts";
