/** Sends to the queue of that ARN at an SQS of its own JSON protocol. @throws Error with SQS's code as its name */
export async function sendTo(
  endpoint: string,
  arn: string,
  message: { readonly [name: string]: unknown },
): Promise<void> {
  const [, , , region = "", , QueueName] = arn.split(":");
  const { QueueUrl } = await ask(endpoint, region, "GetQueueUrl", { QueueName });
  await ask(endpoint, region, "SendMessage", { QueueUrl, ...message });
}

async function ask(endpoint: string, region: string, action: string, body: object): Promise<{ QueueUrl?: string }> {
  const response = await fetch(endpoint, {
    method: "POST",
    headers: {
      "content-type": "application/x-amz-json-1.0",
      "x-amz-target": `AmazonSQS.${action}`,
      // Emulators take the region from it and verify nothing.
      authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/${region}/sqs/aws4_request, SignedHeaders=host, Signature=0`,
    },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as { readonly [name: string]: string };
  if (response.ok) return answer;
  throw Object.assign(new Error(answer["message"]), { name: (answer["__type"] ?? "").split("#").at(-1) });
}
