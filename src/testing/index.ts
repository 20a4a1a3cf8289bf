export * from "./conformance/journal.ts";
export * from "./conformance/delivery.ts";
export * from "./conformance/messages.ts";
export type { EventOf, Expected, Given, When, WhenOptions } from "./given.ts";
export { given } from "./given.ts";
export type { TestApp, TestAppOptions } from "./test-app.ts";
export { createTestApp } from "./test-app.ts";
export type { VirtualClock, VirtualSystem, VirtualSystemOptions } from "./virtual-system.ts";
export { createRandom, createVirtualSystem } from "./virtual-system.ts";
