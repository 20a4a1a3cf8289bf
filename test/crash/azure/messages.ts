/**
 * So fast is everybody's time. A wake-up is due after 90 s, and comes once more after another 90: after 6 real seconds each.
 * Faster, and requests to the emulators, which are bounded in that time, do not come to their ends on a busy machine.
 */
export const speed = 15;

/** What the cloud's process is started with. */
export interface CloudOptions {
  /** The folder of the function app. */
  readonly code: string;
  /** How soon a message comes again whose process has died, seconds of fast time. */
  readonly lockSeconds: number;
  /** For how long a host waits for a process that does not answer, milliseconds of fast time. */
  readonly patienceMs: number;
}

/** What there is before functions are. */
export interface Deployed {
  /** Of Table storage. */
  readonly tables: string;
  /** Of the broker. */
  readonly port: number;
  /** What the functions need, with the emulators' own addresses. */
  readonly environment: { readonly [name: string]: string };
}

/** What the harness wants, and what comes back. Processes are counted from 0. */
export interface Calls {
  /** Starts so many hosts, each with a process; answers the ports where they take HTTP. */
  start(count: number, environment: { readonly [name: string]: string }): readonly number[];
  kill(process: number): void;
  restart(process: number): void;
  suspend(process: number): void;
  /** Answers how many consumers had something that it held handed to another one meanwhile. */
  resume(process: number): number;
  /** The broker takes no message from anybody, or takes them again. */
  refuse(isOn: boolean): void;
  /** Messages that wait for a function, described. */
  waiting(): readonly string[];
  /** Ends timers, waits until the queues are empty or time is over, ends the hosts; what processes did unasked. */
  close(): readonly string[];
}
