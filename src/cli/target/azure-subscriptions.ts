import type { ServiceBusAdministrationClient, ServiceBusClient } from "@azure/service-bus";
import { CliError, messageOf } from "../cli-error.ts";

/** How long the namespace may take to say when a subscription was made, milliseconds, the SDK's retries included. */
const askMs = 20_000;

/** When a subscription was made, epoch milliseconds. @throws CliError where it is not there, or cannot be asked */
export async function subscriptionCreated(
  admin: Pick<ServiceBusAdministrationClient, "getSubscriptionRuntimeProperties">,
  topic: string,
  subscription: string,
): Promise<number> {
  try {
    const how = { abortSignal: AbortSignal.timeout(askMs) };
    const { createdAt } = await admin.getSubscriptionRuntimeProperties(topic, subscription, how);
    return createdAt.getTime();
  } catch (error) {
    if (codeOf(error) === "MessageEntityNotFoundError") throw notThere(topic, subscription);
    throw new CliError(
      `Service Bus does not say when subscription "${subscription}" of topic "${topic}" was made (${messageOf(error)}). It tells those who have the role Azure Service Bus Data Owner. Or say it yourself, rather too late than too early: --created <time>.`,
    );
  }
}

/** What is sent to a subscription that is not there is lost without a word. @throws CliError where it certainly is not */
export async function checkThere(client: ServiceBusClient, topic: string, subscription: string): Promise<void> {
  const receiver = client.createReceiver(topic, subscription);
  try {
    await receiver.peekMessages(1, { abortSignal: AbortSignal.timeout(askMs) });
  } catch (error) {
    // Whoever may only send is told nothing, and is believed.
    if (codeOf(error) === "MessagingEntityNotFound") throw notThere(topic, subscription);
  } finally {
    await receiver.close();
  }
}

function notThere(topic: string, subscription: string): CliError {
  return new CliError(`Topic "${topic}" has no subscription "${subscription}": deploy it first.`);
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
