/** What one thing costs in requests and operations. */
export interface Bill {
  /** Requests to Table storage; of a transaction each row. */
  readonly tables: number;
  /** Messages sent to Service Bus, received and settled, sessions accepted. */
  readonly operations: number;
  /** Functions that were invoked. */
  readonly executions: number;
}

/**
 * US dollars per million.
 *
 * `tables`: transactions of Table storage, the same for reads and writes, any size (general purpose v2, locally redundant,
 * large regions). Source: azure.microsoft.com/pricing/details/storage/tables.
 *
 * `operations`: Service Bus Standard, from 13 to 100 million a month; the first 13 million belong to the base charge of some
 * $10 a month, and it is $0.50 and $0.20 beyond 100 and 2,500 million. Sending, receiving and settling a message of up to
 * 64 KB are an operation each, so is each delivery to another subscription. Whether a batch is one is not said: each
 * message is counted here, which is the dearer reading, and each session that is accepted, as an API call. Source:
 * azure.microsoft.com/pricing/details/service-bus, "How is the operations meter calculated".
 *
 * `executions`: Flex Consumption, on demand, behind the first 250,000 a month. Source: azure.microsoft.com/pricing/details/functions.
 *
 * All as of November 2026, read in copies of those pages and in what others cite from them: look yours up.
 */
export const dollarsPerMillion: Bill = { tables: 0.036, operations: 0.8, executions: 0.4 };

/**
 * The least that Flex Consumption bills for the time of a million executions of which no two share an instance's second:
 * one second each, 2,048 MB, $0.000026 per GB and second. Behind the first 100,000 GB-seconds a month; executions that
 * run at once on one instance share it. Source: the same; learn.microsoft.com/azure/azure-functions/functions-consumption-costs.
 */
export const loneSecondsPerMillion: number = 2 * 0.000_026 * 1_000_000;

/** Dollars for a million of what has that bill, without the time of its executions. */
export function priceOf({ tables, operations, executions }: Bill): number {
  const per = dollarsPerMillion;
  return tables * per.tables + operations * per.operations + executions * per.executions;
}
