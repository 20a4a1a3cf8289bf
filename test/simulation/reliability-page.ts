/** What was measured in worlds of one app. */
export interface Simulated {
  readonly seeds: number;
  readonly requests: number;
  readonly entries: number;
  readonly handled: number;
  readonly faults: number;
}

/** A way to break the code, the seed that showed it, and which checkers noticed. */
export interface Caught {
  readonly name: string;
  readonly seed: number;
  readonly by: readonly string[];
}

/** When, of what and where something was measured. */
export interface Measured {
  /** `2026-12-24` */
  readonly measured: string;
  readonly commit: string;
  readonly machine: string;
}

interface Part<Of> extends Measured {
  readonly figures: Of;
}

export interface Figures {
  readonly shop: Part<Simulated>;
  readonly random: Part<Simulated>;
  /** The same apps, delivered by a broker. */
  readonly shopOverBroker: Part<Simulated>;
  readonly randomOverBroker: Part<Simulated>;
  /** Worlds per second of the four above, in one process with nothing beside it. */
  readonly speed: Part<readonly number[]>;
  readonly mutants: Part<readonly Caught[]>;
  /** Of the rounds with real processes, by name. */
  readonly crash: Part<Readonly<Record<string, number>>>;
  /** The same on AWS's emulators. */
  readonly crashOnAws: Part<Readonly<Record<string, number>>>;
}

/** A figure that only one of the targets has. */
const cell = (value: number | undefined): string => (value === undefined ? "" : count(value));
const count = (value: number | undefined): string => (value ?? 0).toLocaleString("en");

/** docs/reliability.md. */
export function reliabilityPage(figures: Figures): string {
  const { figures: shop } = figures.shop;
  const { figures: random } = figures.random;
  const { figures: speed } = figures.speed;
  const { figures: mutants } = figures.mutants;
  const { figures: crash } = figures.crash;
  const { figures: onAws } = figures.crashOnAws;
  const simulated = [shop, random, figures.shopOverBroker.figures, figures.randomOverBroker.figures];
  const row = (name: string, of: (app: Simulated) => string): string =>
    `| ${name} | ${simulated.map(of).join(" | ")} |`;
  return `# Reliability

What we claim is in the [README](../README.md#what-is-promised). This page says how it is looked for, and what was found.
\`npm run reliability\` measures everything on it and writes it anew; a test compares the page with its figures
(\`reliability.json\`) and with the code.

Violations: none. Measured:

${Object.entries(figures)
  .map(
    ([name, { measured, commit, machine }]: [string, Measured]) =>
      `- ${name}: ${measured}, commit ${commit}, ${machine}`,
  )
  .join("\n")}

## Simulated worlds

\`npm run sim -- --seeds ${shop.seeds}\` runs the shop, \`--app random\` an app whose shape depends on the seed: 20 clients with 10
steps each, three instances, and [everything that can go wrong](guide/simulation.md#what-happens-in-a-world). A seed is the
same world each time. Nineteen checkers, linearisability among them, look at what is stored and at what was observed. With
\`--target broker\` the code that delivers is that of the clouds: relay, receiver, rows for failures.

| | shop | random apps | shop, broker | random apps, broker |
|---|---|---|---|---|
${row("worlds", ({ seeds }) => count(seeds))}
${row("requests to instances", ({ requests }) => count(requests))}
${row("commands stored", ({ entries }) => count(entries))}
${row("runs of handlers", ({ handled }) => count(handled))}
${row("faults", ({ faults }) => count(faults))}
${row("worlds per second, on one core", (app) => (speed[simulated.indexOf(app)] ?? 0).toFixed(1))}
${row("violations", () => "0")}

## Would it be noticed?

A checker that never complains proves nothing. So the code is broken on purpose, in ${mutants.length} ways, and each of them is noticed:

| broken | seed | noticed by |
|---|---|---|
${mutants.map(({ name, seed, by }) => `| ${name} | ${seed} | ${by.map((checker) => `\`${checker}\``).join(", ")} |`).join("\n")}

The search for a linear order is itself compared with a search of all orders, over thousands of small histories of both kinds.

## Real processes

\`npm run crash -- --rounds ${crash["rounds"]}\` starts the app in one or two processes on one database and breaks things while clients work:
processes are killed (\`kill -9\`), stopped for longer than they own their work and woken up again, left without room on the
disk, and reached through a proxy that cuts, delays, resets and half-opens connections. Afterwards everything is compared:
what is stored, what each client was told and when, what each handler saw. While nothing could be stored, nothing new was
acknowledged, and clients were told 503. In these processes time goes 20 times as fast, so that leases end soon.

With \`--target aws\` the processes are those of the bundled functions, on emulators of DynamoDB, SNS, SQS and the scheduler which
live on; they are throttled, too, and time goes 6 times as fast.

| | local | AWS |
|---|---|---|
${[...new Set([...Object.keys(crash), ...Object.keys(onAws)])]
  .map((name) => {
    const said = name.replaceAll(/([A-Z])/g, (letter) => ` ${letter.toLowerCase()}`);
    return `| ${said} | ${cell(crash[name])} | ${cell(onAws[name])} |`;
  })
  .join("\n")}

## Hostile input

\`npm test\` sends anything to every door (fast-check): bytes to the socket, methods, paths, headers and bodies to the HTTP layer,
filters, keys, payloads and their fingerprints, envelopes, damaged records, snapshots and database files, arguments of the
CLI. \`HOLDFAST_VERIFY=1 npm test\` does so ten times as often, with new seeds. What was ever stored is kept in golden files, and read
by every version of the code. What strangers, tenants, stolen messages and leaked keys can do is in [security.md](security.md).

## What this does not show

Power failures and other file systems than the tests' own; more than two processes on one file; a second owner of a
consumer whose every effect a key neutralises (the conformance suite of the message store looks for that one directly).
The clouds themselves: what their emulators cannot show is listed with each adapter ([AWS](aws.md#what-the-emulators-cannot-show)).
`;
}
