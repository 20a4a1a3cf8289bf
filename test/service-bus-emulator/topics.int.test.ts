import { expect, test } from "vitest";
import { bodies, codeOf, messageOf, nothing, one, receive, start } from "./fixtures.ts";

test("every subscription has a copy of its own", async () => {
  const { bus, client } = await start({ topics: { t: { subscriptions: { a: {}, b: { maxDeliveryCount: 1 } } } } });
  await client.createSender("t").sendMessages({ body: 1, messageId: "m" });
  const [a, b] = [client.createReceiver("t", "a"), client.createReceiver("t", "b")];
  await a.completeMessage(await one(a));
  await b.abandonMessage(await one(b));
  expect(bus.messages("t/Subscriptions/a")).toEqual([]);
  expect(bus.messages("T/subscriptions/B")).toMatchObject([{ state: "dead", messageId: "m" }]);
  const dead = client.createReceiver("t", "b", { subQueueType: "deadLetter" });
  expect(await one(dead)).toMatchObject({ body: 1, deadLetterSource: "t/Subscriptions/b" });
});

test("a subscription has what one of its rules wants, once, however many want it", async () => {
  const { bus, client } = await start({
    topics: {
      t: {
        subscriptions: {
          red: {
            rules: { one: { sql: "color = 'red'" }, two: { sql: "user.Color LIKE 'r%'" }, three: { sql: "size > 5" } },
          },
          labelled: { rules: { one: { correlation: { subject: "x", applicationProperties: { size: 7 } } } } },
          none: { rules: {} },
        },
      },
    },
  });
  await client.createSender("t").sendMessages([
    { body: 1, subject: "x", applicationProperties: { color: "red", size: 7 } },
    { body: 2, subject: "x", applicationProperties: { color: "blue", size: "7" } },
    { body: 3, subject: "y", applicationProperties: { color: "blue", size: 7 } },
  ]);
  const held = (name: string): readonly unknown[] => bodies(bus.messages(`t/Subscriptions/${name}`));
  expect(held("red")).toEqual([1, 3]);
  expect(held("labelled")).toEqual([1]);
  expect(held("none")).toEqual([]);
  // Every rule is looked at for every message: that is what the cloud charges for.
  expect(bus.operations().filter).toBe(12);
});

test("every property that a correlation filter may have is compared", async () => {
  const message = {
    body: 1,
    correlationId: "c",
    messageId: "m",
    to: "t",
    replyTo: "r",
    subject: "s",
    sessionId: "i",
    replyToSessionId: "j",
    contentType: "text/plain",
  };
  const { body: _, ...correlation } = message;
  const names = Object.keys(correlation);
  const { bus, client } = await start({ topics: { t: {} } });
  bus.addSubscription("t", "all", { rules: { r: { correlation } } });
  for (const name of names)
    bus.addSubscription("t", name, { rules: { r: { correlation: { ...correlation, [name]: "x" } } } });
  await client.createSender("t").sendMessages(message);
  expect(bus.messages("t/Subscriptions/all")).toHaveLength(1);
  expect(names).toHaveLength(8);
  for (const name of names) expect(bus.messages(`t/Subscriptions/${name}`)).toEqual([]);
});

test("the client's rule manager adds, lists and removes rules", async () => {
  const { bus, client } = await start({ topics: { t: { subscriptions: { s: {} } } } });
  const rules = client.createRuleManager("t", "s");
  const applicationProperties = { color: "red", size: 5 };
  await rules.createRule("sql", { sqlExpression: "color = 'red'" });
  await rules.createRule("correlation", { subject: "x", sessionId: "i", applicationProperties });
  const listed = [];
  for await (const { name, filter } of rules.listRules()) listed.push([name, filter]);
  expect(listed).toMatchObject([
    ["$Default", { sqlExpression: "1=1" }],
    ["sql", { sqlExpression: "color = 'red'" }],
    ["correlation", { subject: "x", sessionId: "i", applicationProperties }],
  ]);
  await rules.deleteRule("$default");
  await rules.deleteRule("sql");
  await client.createSender("t").sendMessages([
    { body: 1, applicationProperties },
    { body: 2, subject: "x", sessionId: "i", applicationProperties },
  ]);
  expect(bus.messages("t/Subscriptions/s")).toMatchObject([{ body: 2 }]);
  await rules.deleteRule("correlation");
  await client.createSender("t").sendMessages({ body: 3, subject: "x", sessionId: "i", applicationProperties });
  expect(bus.messages("t/Subscriptions/s")).toMatchObject([{ body: 2 }]);
});

test("rules are refused that are not valid, taken, unknown, or too long", async () => {
  const { client } = await start({ topics: { t: { subscriptions: { s: {} } } }, queues: { q: {} } });
  const rules = client.createRuleManager("t", "s");
  expect(await messageOf(rules.createRule("bad", { sqlExpression: "color = = 'red'" }))).toMatch("character 9");
  expect(await messageOf(rules.createRule("long", { sqlExpression: `a = '${"x".repeat(1_019)}'` }))).toMatch("1024");
  await rules.createRule("fits", { sqlExpression: `a = '${"x".repeat(1_018)}'` });
  expect(await codeOf(rules.createRule("fits", { sqlExpression: "1=1" }))).toBe("MessagingEntityAlreadyExists");
  expect(await messageOf(rules.createRule("n".repeat(51), { sqlExpression: "1=1" }))).toMatch("1 to 50");
  expect(await messageOf(rules.createRule("action", { sqlExpression: "1=1" }, { sqlExpression: "SET a = 1" }))).toMatch(
    "actions are not supported",
  );
  expect(await codeOf(rules.deleteRule("nobody"))).toBe("MessagingEntityNotFound");
  expect(await codeOf(client.createRuleManager("t", "nobody").deleteRule("x"))).toBe("MessagingEntityNotFound");
});

test("a topic has at most 2,000 rules, over all its subscriptions", async () => {
  const { bus } = await start({ topics: { t: {} } });
  const many = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`r${i}`, { sql: "1=1" }]));
  bus.addSubscription("t", "a", { rules: many(1_000) });
  bus.addSubscription("t", "b", { rules: many(999) });
  bus.addSubscription("t", "c");
  expect(() => bus.addSubscription("t", "d")).toThrow("2000 rules");
  expect(() => bus.setRules("t", "c", many(2))).toThrow("2000 rules");
  bus.setRules("t", "a", many(999));
  bus.setRules("t", "c", many(2));
});

test("subscriptions come and go while the broker runs", async () => {
  const { bus, client } = await start({ topics: { t: {} } });
  const sender = client.createSender("t");
  await sender.sendMessages({ body: "nobody's" });
  bus.addSubscription("t", "s");
  expect(() => bus.addSubscription("t", "S")).toThrow("already has");
  expect(() => bus.addSubscription("t", "x".repeat(51))).toThrow("1 to 50");
  await sender.sendMessages({ body: "its" });
  const receiver = client.createReceiver("t", "s");
  const held = await one(receiver);
  expect(held.body).toBe("its");
  await sender.sendMessages({ body: "left" });
  bus.removeSubscription("t", "s");
  bus.removeSubscription("t", "s");
  // Who is attached gets nothing more, and what it holds is gone.
  expect(await nothing(receiver)).toBe(true);
  expect(await codeOf(receiver.completeMessage(held))).toBe("MessageLockLost");
  expect(() => bus.messages("t/Subscriptions/s")).toThrow("could not be found");
  expect(await codeOf(receive(client.createReceiver("t", "s")))).toBe("MessagingEntityNotFound");
});

test("a subscription's sessions are its own; what has none is dead there, and arrives elsewhere", async () => {
  const { bus, client } = await start({
    topics: { t: { subscriptions: { ordered: { requiresSession: true }, plain: {} } } },
  });
  await client.createSender("t").sendMessages([{ body: 1, sessionId: "a" }, { body: 2 }]);
  const session = await client.acceptNextSession("t", "ordered", { maxAutoLockRenewalDurationInMs: 0 });
  expect(bodies(await receive(session))).toEqual([1]);
  expect(await nothing(session)).toBe(true);
  expect(bus.messages("t/Subscriptions/ordered")).toMatchObject([{ body: 1 }, { body: 2, state: "dead" }]);
  expect(bus.messages("t/Subscriptions/plain")).toHaveLength(2);
});
