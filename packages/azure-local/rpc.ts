// What the Functions host and its worker for Node tell each other, as far as it is used here. On Azure it goes by gRPC.
// Source: Azure/azure-functions-language-worker-protobuf, FunctionRpc.proto.

export interface TypedData {
  readonly string?: string;
  readonly json?: string;
  readonly bytes?: Uint8Array;
  readonly http?: HttpData;
}

type Nullable = { readonly [name: string]: { readonly value: string } };

/** A request, or an answer. */
export interface HttpData {
  readonly method?: string;
  readonly url?: string;
  readonly nullableHeaders?: Nullable;
  readonly nullableQuery?: Nullable;
  readonly nullableParams?: Nullable;
  readonly body?: TypedData;
  readonly statusCode?: string;
  readonly headers?: { readonly [name: string]: string };
  readonly cookies?: readonly HttpCookie[];
}

export interface HttpCookie {
  readonly name: string;
  readonly value: string;
  readonly domain?: { readonly value: string };
  readonly path?: { readonly value: string };
  readonly expires?: { readonly value: { readonly seconds: number } };
  readonly secure?: { readonly value: boolean };
  readonly httpOnly?: { readonly value: boolean };
  readonly sameSite?: "none" | "lax" | "strict" | "explicitNone";
  readonly maxAge?: { readonly value: number };
}

/** A trigger, an input or an output, with the options that it was registered with. */
export interface Binding {
  readonly type?: string;
  readonly direction?: string;
  readonly [option: string]: unknown;
}

interface Duration {
  readonly seconds: number;
}

export interface RetryOptions {
  readonly retryStrategy: "fixedDelay" | "exponentialBackoff";
  /** -1: without end. */
  readonly maxRetryCount: number;
  readonly delayInterval?: Duration;
  readonly minimumInterval?: Duration;
  readonly maximumInterval?: Duration;
}

/** A function as the app has registered it. */
export interface Registered {
  readonly name: string;
  readonly bindings: { readonly [name: string]: Binding };
  readonly retryOptions?: RetryOptions;
}

/** What a function is invoked with. */
export interface Input {
  /** By the trigger binding's name. */
  readonly inputData: readonly { readonly name: string; readonly data: TypedData }[];
  readonly triggerMetadata?: { readonly [name: string]: TypedData };
  /** Where it is not the first time. */
  readonly retryContext?: { readonly retryCount: number; readonly maxRetryCount: number };
}

/** From the host to its worker. */
export type Asked = { readonly terminate: true } | ({ readonly id: string; readonly name: string } & Input);

/** From the worker to its host. */
export type Said =
  | { readonly ready: readonly Registered[] }
  | { readonly id: string; readonly returned?: TypedData | undefined }
  | { readonly id: string; readonly threw: string };
