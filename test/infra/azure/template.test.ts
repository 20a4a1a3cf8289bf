import { createSystem, holdfast, on } from "holdfast";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import app from "../../../functions/app.ts";
import { plan } from "../../../functions/azure/plan.ts";
import type { ArmResource } from "../../../infra/azure/arm.ts";
import { checkName, checkPrefix } from "../../../infra/azure/options.ts";
import { roles } from "../../../infra/azure/roles.ts";
import { createTemplate } from "../../../infra/azure/template.ts";
import { azurePlan } from "holdfast/azure/plan";
import { subscriptionRules } from "../../../src/azure/service-bus/index.ts";
import { consumersOf } from "../../../src/core/broker/groups.ts";
import { attempt } from "../../../src/core/delivery/attempt.ts";
import type { ConsumerSpec } from "../../../src/core/delivery/spec.ts";
import { deliveryPolicy } from "../../../src/core/messaging/policy.ts";

const options = { name: "shop", plan, environment: { HOLDFAST_LOG: "info" } };
const template = createTemplate(options);

type Properties = { readonly [name: string]: unknown };

function propertiesOf({ properties }: ArmResource): Properties {
  // Of resources that have none, the assertions see nothing.
  return (properties ?? {}) as Properties;
}

function all(type: string, from = template): readonly ArmResource[] {
  return from.resources.filter((resource) => resource.type === type);
}

/** The texts of an expression, without those of Azure's own: of `[concat(variables('namespace'), '/', 'events')]` `events`. */
function ownNames({ name }: ArmResource): readonly string[] {
  return [...name.replaceAll(/variables\('\w+'\)/g, "").matchAll(/'([^']*)'/g)]
    .map(([, text = ""]) => text)
    .filter((text) => text !== "/");
}

/** The expression of a resource's id. */
function idOf({ type, name }: ArmResource): string {
  const inner = name.slice(1, -1);
  const parts = inner.startsWith("concat(") ? inner.slice("concat(".length, -1).replaceAll(", '/', ", ", ") : inner;
  return `resourceId('${type}', ${parts})`;
}

const queueType = "Microsoft.ServiceBus/namespaces/queues";
const topicType = "Microsoft.ServiceBus/namespaces/topics";
const subscriptionType = `${topicType}/subscriptions`;
const ruleType = `${subscriptionType}/rules`;

/** Subscription to its rules' names and texts. */
function rulesIn(from = template): Map<string, readonly (readonly [name: string, sql: unknown])[]> {
  const found = new Map<string, (readonly [name: string, sql: unknown])[]>(
    all(subscriptionType, from).map((subscription) => [ownNames(subscription)[1] ?? "", []]),
  );
  for (const rule of all(ruleType, from)) {
    const [, subscription = "", name = ""] = ownNames(rule);
    const { filterType, sqlFilter } = propertiesOf(rule);
    expect(filterType).toBe("SqlFilter");
    found.get(subscription)?.push([name, (sqlFilter as { sqlExpression: unknown }).sqlExpression]);
  }
  return found;
}

const [site] = all("Microsoft.Web/sites");
const settings = new Map(
  (
    propertiesOf(site as ArmResource)["siteConfig"] as { appSettings: { name: string; value: string }[] }
  ).appSettings.map(({ name, value }) => [name, value]),
);

describe("the template of the shop on Azure", () => {
  test("subscriptions have the rules of the app, and no others", () => {
    const expected = [...subscriptionRules(app)].map(([name, { rules }]) => [
      name,
      rules.map((sql, i) => [`rule-${i + 1}`, sql]),
    ]);
    expect(rulesIn()).toEqual(new Map(expected as []));
    expect(all(ruleType).length).toBeGreaterThanOrEqual(app.subscriptions.size);
    for (const [, rules] of rulesIn()) {
      expect(rules.length).toBeGreaterThan(0);
      for (const [, sql] of rules) expect(String(sql).length).toBeLessThanOrEqual(1_024);
    }
  });

  test("no rule is named as the one that Service Bus makes itself: it would vanish", () => {
    expect(JSON.stringify(template)).not.toContain("$Default");
  });

  test("what belongs to the topic is made one after the other, a subscription's first rule right behind it", () => {
    const ofTopic = template.resources.filter(({ type }) => type.startsWith(subscriptionType));
    const [topic] = all(topicType);
    for (const [i, { dependsOn }] of ofTopic.entries()) {
      expect(dependsOn).toContain(`[${idOf(ofTopic[i - 1] ?? (topic as ArmResource))}]`);
    }
    for (const [i, { type }] of ofTopic.entries())
      if (type === subscriptionType) expect(ofTopic[i + 1]?.type).toBe(ruleType);
  });

  test("the topic keeps an order, and remembers ids for longer than a wake-up and its retries take", () => {
    expect(all(topicType).map(ownNames)).toEqual([["events"]]);
    expect(propertiesOf(all(topicType)[0] as ArmResource)).toMatchObject({
      requiresDuplicateDetection: true,
      duplicateDetectionHistoryTimeWindow: "PT10M",
      supportOrdering: true,
      enablePartitioning: false,
    });
    // Due after 90 s, perhaps once more, and a retry of 5 minutes.
    expect(plan.duplicateSeconds).toBeGreaterThan(90 + 90 + 300);
  });

  test("subscriptions and ordered queues have sessions, the others have none", () => {
    for (const subscription of all(subscriptionType)) expect(propertiesOf(subscription)["requiresSession"]).toBe(true);
    const sessions = all(queueType).map((queue) => [ownNames(queue)[0], propertiesOf(queue)["requiresSession"]]);
    expect(Object.fromEntries(sessions)).toEqual({
      "queue-imports": false,
      sends: true,
      timers: false,
      wakeups: false,
    });
    const [sends, ...others] = all(queueType).toSorted((a) => (ownNames(a)[0] === "sends" ? -1 : 1));
    expect(propertiesOf(sends as ArmResource)).toMatchObject({
      requiresDuplicateDetection: true,
      duplicateDetectionHistoryTimeWindow: "PT10M",
    });
    for (const other of others) expect(propertiesOf(other)["requiresDuplicateDetection"]).toBeUndefined();
  });

  test("what a handler reads from has a net, a lock of 5 minutes at most, and nothing that removes messages", () => {
    const read = [...all(subscriptionType), ...all(queueType)];
    expect(read).toHaveLength(consumersOf(app).length + 1);
    for (const resource of read) {
      const { lockDuration, ...rest } = propertiesOf(resource);
      expect(rest).toMatchObject({ maxDeliveryCount: 2_000, deadLetteringOnMessageExpiration: true });
      const [, minutes = "0", seconds = "0"] = /^PT(?:(\d+)M)?(?:(\d+)S)?$/.exec(String(lockDuration)) ?? [];
      expect(60 * Number(minutes) + Number(seconds)).toBeGreaterThanOrEqual(60);
      expect(60 * Number(minutes) + Number(seconds)).toBeLessThanOrEqual(300);
      expect(Object.keys(rest)).not.toContain("defaultMessageTimeToLive");
      expect(Object.keys(rest)).not.toContain("autoDeleteOnIdle");
    }
    for (const resource of all(subscriptionType)) {
      expect(propertiesOf(resource)["deadLetteringOnFilterEvaluationExceptions"]).toBe(true);
    }
  });

  test("names are as short as Service Bus, storage and the functions' host want them, for the longest deployment", () => {
    const longest = createTemplate({ ...options, name: "abcdefghi-klmnopq", prefix: "p".repeat(100) });
    // What uniqueString answers has 13 characters.
    const length = (variable = ""): number => ownText(variable).length + 13;
    expect(length(longest.variables["storage"])).toBeLessThanOrEqual(24);
    expect(ownText(longest.variables["storage"] ?? "")).toMatch(/^[a-z0-9]+$/);
    expect(length(longest.variables["namespace"])).toBeLessThanOrEqual(50);
    expect(length(longest.variables["site"])).toBeLessThanOrEqual(32);
    for (const resource of longest.resources.filter(({ type }) =>
      type.startsWith("Microsoft.ServiceBus/namespaces/"),
    )) {
      const [entity = "", ...rest] = ownNames(resource);
      expect(entity).toMatch(/^p{100}/);
      expect(entity.length).toBeLessThanOrEqual(260);
      for (const name of rest) expect(name).toMatch(/^[a-zA-Z0-9][\w.-]{0,48}[a-zA-Z0-9]$/);
    }
    const settingsText = JSON.stringify(longest.resources.find(({ type }) => type === "Microsoft.Web/sites"));
    expect(settingsText).toContain(`{"name":"HOLDFAST_PREFIX","value":"${"p".repeat(100)}"}`);
  });

  test("a resource comes after each one that it names", () => {
    const byId = new Map(template.resources.map((resource) => [`[${idOf(resource)}]`, resource]));
    expect(byId.size).toBe(template.resources.length);
    const before = (resource: ArmResource, seen: Set<ArmResource> = new Set()): Set<ArmResource> => {
      for (const id of resource.dependsOn ?? []) {
        const found = byId.get(id);
        expect(found, `${id}, which ${resource.name} depends on`).toBeDefined();
        if (found === undefined || seen.has(found)) continue;
        seen.add(found);
        before(found, seen);
      }
      return seen;
    };
    // What only repeats the name of another one comes after it, too: children, and settings.
    const owners = [...all("Microsoft.Storage/storageAccounts"), ...all("Microsoft.ServiceBus/namespaces")];
    expect(owners).toHaveLength(2);
    let references = 0;
    for (const resource of template.resources) {
      const earlier = before(resource);
      expect(earlier.has(resource)).toBe(false);
      const { dependsOn: _, ...rest } = resource;
      const written = JSON.stringify(rest);
      for (const [id, other] of byId) {
        if (other === resource || !written.includes(id.slice(1, -1))) continue;
        references++;
        expect([...earlier], `${resource.name} names ${id}`).toContain(other);
      }
      for (const owner of owners) {
        if (owner === resource || !written.includes(owner.name.slice(1, -1))) continue;
        references++;
        expect([...earlier], `${resource.name} names ${owner.name}`).toContain(owner);
      }
    }
    expect(references).toBeGreaterThan(20);
  });

  test("settings are no secrets, and say where things are", () => {
    expect(JSON.stringify(template)).not.toMatch(/listKeys|listAccountSas|AccountKey|SharedAccess|primaryKey/i);
    expect([...settings.keys()]).toEqual([...settings.keys()].toSorted());
    expect(Object.fromEntries(settings)).toMatchObject({
      APPLICATIONINSIGHTS_AUTHENTICATION_STRING: "Authorization=AAD",
      AzureWebJobsStorage__accountName: "[variables('storage')]",
      HOLDFAST_LOG: "info",
      HOLDFAST_SERVICEBUS__fullyQualifiedNamespace: expect.stringContaining("serviceBusEndpoint") as string,
      HOLDFAST_TABLE: "journal",
      HOLDFAST_TABLE_URL: "[concat('https://', variables('storage'), '.table.', environment().suffixes.storage)]",
    });
    expect(settings.has("HOLDFAST_PREFIX")).toBe(false);
    // Flex Consumption has other places for these.
    expect(
      [...settings.keys()].filter((name) => /^(FUNCTIONS_|WEBSITE_|SCM_|AzureWebJobsStorage$)/.test(name)),
    ).toEqual([]);
    expect(all("Microsoft.Storage/storageAccounts/tableServices/tables").map(ownNames)).toEqual([
      ["default", "journal"],
    ]);
  });

  test("nothing takes a key or a password", () => {
    expect(propertiesOf(all("Microsoft.Storage/storageAccounts")[0] as ArmResource)).toMatchObject({
      allowSharedKeyAccess: false,
      allowBlobPublicAccess: false,
      minimumTlsVersion: "TLS1_2",
      supportsHttpsTrafficOnly: true,
    });
    expect(propertiesOf(all("Microsoft.ServiceBus/namespaces")[0] as ArmResource)).toMatchObject({
      disableLocalAuth: true,
      minimumTlsVersion: "1.2",
    });
    expect(propertiesOf(all("Microsoft.Insights/components")[0] as ArmResource)["DisableLocalAuth"]).toBe(true);
    expect(propertiesOf(site as ArmResource)["httpsOnly"]).toBe(true);
    const policies = all("Microsoft.Web/sites/basicPublishingCredentialsPolicies");
    expect(policies.map((policy) => [ownNames(policy)[0], propertiesOf(policy)["allow"]])).toEqual([
      ["ftp", false],
      ["scm", false],
    ]);
    for (const container of all("Microsoft.Storage/storageAccounts/blobServices/containers")) {
      expect(propertiesOf(container)["publicAccess"]).toBe("None");
    }
  });

  test("the function app has five roles, each on one resource, and none on the group", () => {
    const assigned = all("Microsoft.Authorization/roleAssignments").map((assignment) => {
      const { roleDefinitionId, principalId, principalType } = propertiesOf(assignment);
      expect(principalId).toBe(
        "[reference(resourceId('Microsoft.Web/sites', variables('site')), '2024-04-01', 'Full').identity.principalId]",
      );
      expect(principalType).toBe("ServicePrincipal");
      const role = /'([0-9a-f-]{36})'/.exec(String(roleDefinitionId))?.[1];
      return [role, /resourceId\('([^']+)'/.exec(String(assignment["scope"]))?.[1]];
    });
    expect(assigned).toEqual([
      ["0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3", "Microsoft.Storage/storageAccounts"],
      ["b7e6dc6d-f1e8-4753-8033-0f276bb0955b", "Microsoft.Storage/storageAccounts"],
      ["69a216fc-b8fb-44d8-bc22-1f3c2cd27a39", "Microsoft.ServiceBus/namespaces"],
      ["4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0", "Microsoft.ServiceBus/namespaces"],
      ["3913510d-42f4-4e42-8a64-420c390055eb", "Microsoft.Insights/components"],
    ]);
    expect(assigned).toHaveLength(Object.keys(roles).length);
    expect((site as ArmResource)["identity"]).toEqual({ type: "SystemAssigned" });
    const names = all("Microsoft.Authorization/roleAssignments").map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  test("functions run on Flex Consumption and the newest Node.js that it has, from a container of the account", () => {
    expect(all("Microsoft.Web/serverfarms")[0]).toMatchObject({ sku: { name: "FC1", tier: "FlexConsumption" } });
    expect(propertiesOf(site as ArmResource)["functionAppConfig"]).toMatchObject({
      deployment: {
        storage: {
          type: "blobContainer",
          value: expect.stringMatching(/primaryEndpoints\.blob, 'deployments'\)\]$/) as string,
          authentication: { type: "SystemAssignedIdentity" },
        },
      },
      runtime: { name: "node", version: "[parameters('nodeVersion')]" },
    });
    expect(template.parameters.nodeVersion.defaultValue).toBe("24");
    expect(all("Microsoft.Storage/storageAccounts/blobServices/containers").map(ownNames)).toEqual([
      ["default", "deployments"],
    ]);
  });

  test("the account with the journal cannot be deleted by mistake", () => {
    const [lock] = all("Microsoft.Authorization/locks");
    expect(lock).toMatchObject({
      scope: "[resourceId('Microsoft.Storage/storageAccounts', variables('storage'))]",
      properties: { level: "CanNotDelete" },
    });
  });

  test("alerts tell of dead letters of the broker, of failures, and of what was given up", async () => {
    const metrics = all("Microsoft.Insights/metricAlerts").map(propertiesOf);
    const criteria = metrics.map((one) => (one["criteria"] as { allOf: Properties[] }).allOf[0]);
    expect(criteria).toMatchObject([
      { metricName: "DeadletteredMessages", operator: "GreaterThan", threshold: 0 },
      { metricName: "requests/failed", operator: "GreaterThan", threshold: 0 },
    ]);
    const [query, ...others] = all("Microsoft.Insights/scheduledQueryRules").map(propertiesOf);
    expect(others).toEqual([]);
    const alerts = [...metrics, query as Properties];
    const [{ query: searched = "" } = {}] = ((query as Properties)["criteria"] as { allOf: { query?: string }[] })
      .allOf;
    expect(searched).toBe(`traces | where message contains '${/gives a message up/.exec(await givenUp())?.[0]}'`);
    for (const { enabled, actions } of alerts) {
      expect(enabled).toBe(true);
      expect(JSON.stringify(actions)).toContain("if(empty(parameters('actionGroupId')), json('[]'), createArray(");
    }
  });

  test("outputs say where it is; parameters say what they are for, and are used", () => {
    expect(Object.keys(template.outputs)).toEqual(["url", "functionApp", "serviceBus", "tableUrl", "table"]);
    const { parameters, ...rest } = template;
    for (const [name, { metadata, defaultValue }] of Object.entries(parameters)) {
      expect(metadata.description).toMatch(/^[A-Z].*\.$/);
      expect(defaultValue).toBeDefined();
      expect(JSON.stringify(rest)).toContain(`parameters('${name}')`);
    }
    const used = [...JSON.stringify(rest).matchAll(/parameters\('(\w+)'\)/g)].map(([, name]) => name);
    expect(new Set(used)).toEqual(new Set(Object.keys(parameters)));
  });

  test("every text that looks like an expression is one, with its brackets in pairs", () => {
    const expressions = [...JSON.stringify(template).matchAll(/"(\[[^"]*\])"/g)].map(([, text = ""]) => text);
    expect(expressions.length).toBeGreaterThan(50);
    for (const text of expressions) {
      const bare = text.replaceAll(/'(?:[^']|'')*'/g, "''");
      expect(bare).toMatch(/^\[[\w(),. ']+\]$/);
      expect(bare.split("(").length, text).toBe(bare.split(")").length);
    }
  });

  test("the same options make the same template, to the letter", () => {
    expect(JSON.stringify(createTemplate({ ...options, plan: azurePlan(app) }))).toBe(JSON.stringify(template));
  });
});

/** What the log says of a message that is given up. */
async function givenUp(): Promise<string> {
  const lines: string[] = [];
  const quiet = (): void => undefined;
  const log = { debug: quiet, info: quiet, warn: quiet, error: (_: object, line: string) => void lines.push(line) };
  const spec: ConsumerSpec = {
    name: "subscription:payment",
    start: "now",
    policy: deliveryPolicy("payment", { maxAttempts: 1 }),
    run: async () => {
      throw new Error("no");
    },
  };
  const stop = new AbortController().signal;
  await attempt(spec, createSystem({ log }), { reference: undefined, stop }, undefined);
  return lines.join();
}

/** The text at the beginning of a variable. */
function ownText(variable: string): string {
  return /^\[concat\('([^']+)', uniqueString\(resourceGroup\(\)\.id\)\)\]$/.exec(variable)?.[1] ?? "";
}

const h = holdfast();
const meter = h
  .entity("meter", {
    initial: () => ({ reads: 0 }),
    events: { read: z.object({ place: z.string() }) },
    evolve: { read: (state) => ({ reads: state.reads + 1 }) },
  })
  .command("read", { decide: (_state, _input, { events }) => events.read({ place: "here" }) });
const handle = async (): Promise<void> => undefined;
const watch = h.subscription("watch", { to: [on(meter.events.read, { place: ["[a]"] })], handle });
const count = h.subscription("count", { to: [on(meter.events.read)], handle });

test("a subscription that the app has no more is not in the template, nor are its rules", () => {
  const both = createTemplate({
    name: "meters",
    plan: azurePlan(h.app({ entities: [meter], subscriptions: [watch, count] })),
  });
  const one = createTemplate({ name: "meters", plan: azurePlan(h.app({ entities: [meter], subscriptions: [watch] })) });
  expect([...rulesIn(both).keys()]).toEqual(["count", "watch"]);
  expect([...rulesIn(one).keys()]).toEqual(["watch"]);
  expect(rulesIn(one).get("watch")).toEqual(rulesIn(both).get("watch"));
  expect(JSON.stringify(one)).not.toContain("'count'");
  expect(both.resources).toHaveLength(one.resources.length + 2);
});

test("a setting that looks like an expression stays a text", () => {
  const made = createTemplate({ ...options, environment: { A: "[1]", B: "[x", C: "y]" } });
  const written = JSON.stringify(made);
  for (const [name, value] of [
    ["A", "[[1]"],
    ["B", "[x"],
    ["C", "y]"],
  ]) {
    expect(written).toContain(`{"name":"${name}","value":"${value}"}`);
  }
});

test("an app that does not fit into one template is refused", () => {
  const subscriptions = Array.from({ length: 400 }, (_, i) =>
    h.subscription(`s${i}`, { to: [on(meter.events.read)], handle }),
  );
  expect(() =>
    createTemplate({ name: "meters", plan: azurePlan(h.app({ entities: [meter], subscriptions })) }),
  ).toThrow(/has 8\d\d resources; a template may have 800/);
});

test.each(["Shop", "a", "shop_1", "-shop", "shop-", "a".repeat(18), ""])(
  "a deployment may not be called %j",
  (name) => {
    expect(() => checkName(name)).toThrow(/has to be 2 to 17/);
    expect(() => createTemplate({ ...options, name })).toThrow(/has to be 2 to 17/);
  },
);

test.each(["a/b", "-a", "a'b", "ä", "a".repeat(101)])("a prefix may not be %j", (prefix) => {
  expect(() => checkPrefix(prefix)).toThrow(/has to be up to 100/);
  expect(() => createTemplate({ ...options, prefix })).toThrow(/has to be up to 100/);
});
