import type { App } from "../core/app.ts";
import type { Caller, EntitySpec } from "../core/entity/types.ts";

export interface ClientOptions {
  /** Where the app is served, up to what stands before `/api`: `https://shop.example`; `""` for the page's own origin. */
  readonly url: string;
  /** Headers of every request, or a function that is asked before each attempt, e.g. for a token that expires. */
  readonly headers?:
    | { readonly [name: string]: string }
    | (() => { readonly [name: string]: string } | Promise<{ readonly [name: string]: string }>);
  /** Whether cookies are sent to another origin. Default: the platform's, `same-origin`. */
  readonly credentials?: "include" | "omit" | "same-origin";
  /** Default: the platform's. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** For a call with all its attempts and waits, milliseconds. Default 30,000. */
  readonly timeoutMs?: number;
  /** For one attempt, and for the beginning of a watched stream, milliseconds. Default 10,000. */
  readonly attemptTimeoutMs?: number;
  /** Retries that the client may make at once; one comes back per ten answered calls. Default 10; 0: none. */
  readonly retriesMax?: number;
}

/** How a handle's calls are made. */
export interface CallOptions {
  /**
   * Idempotency key of a command: an effect happens once per key. Default: a new one per call, the same for all its
   * attempts. One key is for one command: on a handle with `key`, call once.
   */
  readonly key?: string;
  /** A command runs only at that version of the entity (0: if it does not exist yet); else `version-mismatch`. */
  readonly ifMatch?: number;
  /** Ends calls with `aborted`, and watching without an error. */
  readonly signal?: AbortSignal;
  /** As in the client's options, for this handle. */
  readonly timeoutMs?: number;
}

/** Entity name to spec, of an app's type. */
export type SpecsOf<A> = A extends App<infer Specs> ? Specs : never;

/** An entity's events as a union that narrows on `type`. */
export type EventOf<S extends EntitySpec> = {
  [T in keyof S["events"] & string]: {
    readonly type: T;
    readonly data: S["events"][T];
    /** Unique over all events. */
    readonly id: string;
    /** Place among the events of the entity, from 1 without gaps. */
    readonly version: number;
    /** Commit time, epoch milliseconds. */
    readonly time: number;
  };
}[keyof S["events"] & string];

export interface Viewed<View> {
  readonly view: View;
  /** Events in the stream, 0 if the entity does not exist yet: what `ifMatch` takes. */
  readonly version: number;
}

export interface HistoryPage<Event> {
  readonly events: readonly Event[];
  /** Pass it as `after` for the page that follows; `undefined` at the end. */
  readonly next: number | undefined;
}

/** What reads; `$` because no command can be called so. */
export interface Reads<S extends EntitySpec> {
  /** The public view, as it is at a time after the call. @throws ClientError */
  $view(): Promise<Viewed<S["view"]>>;
  /**
   * A page of the entity's events after version `after` (default 0), `limit` of them at most (default 100, up to 1,000).
   * @throws ClientError `no-history` where the entity does not allow it
   */
  $history(range?: { readonly after?: number; readonly limit?: number }): Promise<HistoryPage<EventOf<S>>>;
  /**
   * The entity's events after version `after` (default 0: all), then those to come: each once, in order, none missing,
   * across lost connections and restarts of the server. Ends with the handle's `signal`, or by leaving the loop. It reads
   * no further than the loop has come.
   * @throws ClientError in the loop, for what no reconnecting mends, e.g. `no-history`, `forbidden`, `erased`
   */
  $watch(range?: { readonly after?: number }): AsyncIterable<EventOf<S>>;
}

/** What a workflow can be told, by the names of its signals. They are called as commands are. */
export interface SignalCalls<G extends object> {
  readonly signals: Caller<EntitySpec & { readonly commands: G }>;
}

/**
 * An entity's commands, which return the one result shape, and its reads. A workflow's commands are start, cancel and retry;
 * its signals stand by themselves.
 */
export type Handle<S extends EntitySpec> = S extends { readonly signals: infer G extends object }
  ? Omit<Caller<S>, `signal-${string}`> & SignalCalls<G> & Reads<S>
  : Caller<S> & Reads<S>;

/** Entity name to a function from an id to its handle. */
export type Client<A extends App> = {
  readonly [N in keyof SpecsOf<A>]: SpecsOf<A>[N] extends infer S extends EntitySpec
    ? (id: string, options?: CallOptions) => Handle<S>
    : never;
};
