import type { Emulators } from "@holdfast/aws-local";

/**
 * So fast is everybody's time. Slower than the local target's: requests to the emulators are bounded in that time, and
 * have several processes to go through.
 */
export const speed = 6;

/** What the cloud's process is started with. */
export interface CloudOptions {
  /** The folder of the bundles. */
  readonly code: string;
  /** Fast time begins here, epoch milliseconds. */
  readonly origin: number;
  /** How soon a message comes again whose function has died, seconds of fast time. */
  readonly visibilitySeconds: number;
  /** Of what the cloud chooses: who is invoked, which answers are lost. */
  readonly seed: number;
}

/** What there is before functions are. */
export interface Deployed {
  readonly emulators: Pick<Emulators, "dynamo" | "messages">;
  readonly table: string;
  /** Names of all queues, those for the dead included. */
  readonly queues: readonly string[];
  /** What the functions need, with the emulators' own addresses. */
  readonly environment: { readonly [name: string]: string };
}

/** What the harness wants, and what comes back. Processes are counted from 0. */
export interface Calls {
  /** Starts so many processes; answers the ports where their function for HTTP is. */
  start(count: number, environment: { readonly [name: string]: string }): readonly number[];
  kill(process: number): void;
  restart(process: number): void;
  suspend(process: number): void;
  /** Answers how many consumers had something that it held handed to another one meanwhile. */
  resume(process: number): number;
  /** Ends the schedules, waits until the queues are empty or time is over, ends the processes; what they did unasked. */
  close(): readonly string[];
}
