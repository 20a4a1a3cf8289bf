import { CfnOutput, type Stack } from "aws-cdk-lib";
import { CfnApi, CfnIntegration, CfnRoute, CfnStage } from "aws-cdk-lib/aws-apigatewayv2";
import { CfnPermission, type Function as Lambda } from "aws-cdk-lib/aws-lambda";
import type { DeploymentOptions } from "./options.ts";

/** An HTTP API that hands everything to the function, within a rate. */
export function createApi(
  stack: Stack,
  { throttle = { perSecond: 1_000, burst: 2_000 } }: DeploymentOptions,
  http: Lambda,
): void {
  const api = new CfnApi(stack, "Api", { name: stack.stackName, protocolType: "HTTP" });
  const integration = new CfnIntegration(stack, "ApiIntegration", {
    apiId: api.ref,
    integrationType: "AWS_PROXY",
    integrationUri: http.functionArn,
    payloadFormatVersion: "2.0",
  });
  new CfnRoute(stack, "ApiRoute", { apiId: api.ref, routeKey: "$default", target: `integrations/${integration.ref}` });
  new CfnStage(stack, "ApiStage", {
    apiId: api.ref,
    stageName: "$default",
    autoDeploy: true,
    defaultRouteSettings: { throttlingRateLimit: throttle.perSecond, throttlingBurstLimit: throttle.burst },
  });
  new CfnPermission(stack, "ApiPermission", {
    action: "lambda:InvokeFunction",
    functionName: http.functionArn,
    principal: "apigateway.amazonaws.com",
    sourceArn: stack.formatArn({ service: "execute-api", resource: api.ref, resourceName: "*" }),
  });
  new CfnOutput(stack, "Url", { value: `https://${api.ref}.execute-api.${stack.region}.${stack.urlSuffix}` });
}
