import {
  app,
  type Cookie,
  type HttpRequest,
  type HttpResponseInit,
  type InvocationContext,
  output,
  trigger,
} from "@azure/functions";

// A function app that tells the test (RECORDER) what its functions are invoked with, and does what the answer says: returns
// where that is 200, throws where it is not, and waits as long as it does.

async function tell(what: string, said: object = {}): Promise<void> {
  const response = await fetch(process.env["RECORDER"] ?? "", {
    method: "POST",
    body: JSON.stringify({ what, pid: process.pid, ...said }),
  });
  if (!response.ok) throw new Error(`${what} is to fail`);
}

async function echo(request: HttpRequest): Promise<object> {
  const bytes = [...new Uint8Array(await request.arrayBuffer())];
  const { method, url, params, headers, query } = request;
  return {
    method,
    path: new URL(url).pathname,
    params,
    query: Object.fromEntries(query),
    odd: headers.get("x-odd"),
    bytes,
  };
}

app.http("echo", {
  route: "echo/{id}/{*rest}",
  methods: ["GET", "POST", "HEAD"],
  authLevel: "anonymous",
  handler: async (request) => ({ jsonBody: await echo(request), headers: { "X-Answered-By": "echo" } }),
});
app.http("echo-one", {
  route: "echo/one/only",
  authLevel: "anonymous",
  handler: () => ({ status: 201, body: "the literal route" }),
});
async function answer({ params: { kind } }: HttpRequest): Promise<HttpResponseInit> {
  if (kind === "bytes") return { body: Buffer.from([0, 255, 10, 128]), headers: { "content-type": "image/x-odd" } };
  if (kind === "cookies") {
    const first: Cookie = { name: "a", value: "1 2", maxAge: 60, httpOnly: true, sameSite: "Lax" };
    return { status: 204, cookies: [first, { name: "b", value: "2", secure: true, path: "/fn" }] };
  }
  if (kind === "end") process.exit(3);
  throw new Error("no such answer");
}

app.http("answers", { route: "answers/{kind}", authLevel: "anonymous", handler: answer });
app.generic("nothing", {
  trigger: trigger.http({ authLevel: "anonymous" }),
  return: output.http({}),
  handler: () => undefined,
});
app.http("locked", { authLevel: "function", handler: () => ({ body: "open" }) });
app.http("held", {
  authLevel: "anonymous",
  handler: async () => {
    await tell("held");
    return { body: "released" };
  },
});

const connection = "BUS";
const received = (
  message: unknown,
  { functionName, triggerMetadata, invocationId }: InvocationContext,
): Promise<void> =>
  tell(functionName, {
    invocationId,
    isBytes: message instanceof Uint8Array,
    message: message instanceof Uint8Array ? Buffer.from(message).toString() : message,
    metadata: triggerMetadata,
  });

app.serviceBusQueue("ordered", {
  connection,
  queueName: "%PREFIX%ordered",
  isSessionsEnabled: true,
  handler: received,
});
app.generic("work", {
  trigger: trigger.generic({ type: "serviceBusTrigger", connection, queueName: "work", dataType: "binary" }),
  handler: received,
});
app.serviceBusTopic("mail", {
  connection,
  topicName: "events",
  subscriptionName: "mail",
  isSessionsEnabled: true,
  handler: received,
});

app.timer("yearly", {
  schedule: "0 0 0 1 1 *",
  retry: { strategy: "fixedDelay", delayInterval: 0, maxRetryCount: 2 },
  handler: (timer, { retryContext }) => tell("yearly", { timer, retryCount: retryContext?.retryCount }),
});
app.timer("often", { schedule: "%OFTEN%", handler: (timer) => tell("often", { timer }) });

app.hook.appStart(() => tell("appStart"));
app.hook.appTerminate(() => tell("appTerminate"));
