// Reads {host, id, secret, steps: [{sdk, action, parameters}]} from standard input, makes the calls one after the other with
// the vendor's own SDKs, and prints a JSON list of what came of each: {body} or {error: {code, data, message}}.
'use strict';

const Kms = require('@alicloud/kms20160120');
const OpenApi = require('@alicloud/openapi-client');
const { default: OpenApiUtil } = require('@alicloud/openapi-util');
const { RuntimeOptions } = require('@alicloud/tea-util');

const lowerFirst = (name) => name[0].toLowerCase() + name.slice(1);

// The generated client: maps are flattened, EncryptionContext arrives as EncryptionContext.<key>=<value>.
function kms(config) {
  const client = new Kms.default(new OpenApi.Config({ ...config, type: 'access_key' }));
  return async ({ action, parameters }) => {
    const fields = Object.fromEntries(Object.entries(parameters).map(([name, value]) => [lowerFirst(name), value]));
    const answer = await client[lowerFirst(action)](new Kms[`${action}Request`](fields));
    return answer.toMap();
  };
}

// The client that all newer generated ones share; it can call any operation by name.
function openApi(config) {
  const client = new OpenApi.default(new OpenApi.Config(config));
  return async ({ action, parameters }) => {
    const params = new OpenApi.Params({
      action, version: '2016-01-20', protocol: 'HTTP', method: 'POST', authType: 'AK', style: 'RPC', pathname: '/',
      reqBodyType: 'formData', bodyType: 'json',
    });
    const request = new OpenApi.OpenApiRequest({ query: OpenApiUtil.query(parameters) });
    return (await client.callApi(params, request, new RuntimeOptions({}))).body;
  };
}

// {from: [step, field, ...]} among the parameters stands for what an earlier step was answered.
function filled(parameters, results) {
  const value = (one) => (Array.isArray(one?.from) ? one.from.slice(1).reduce((at, name) => at[name], results[one.from[0]].body) : one);
  return Object.fromEntries(Object.entries(parameters).map(([name, one]) => [name, value(one)]));
}

async function main() {
  let text = '';
  for await (const chunk of process.stdin) text += chunk;
  const { host, id, secret, steps } = JSON.parse(text);
  const config = { accessKeyId: id, accessKeySecret: secret, endpoint: host, protocol: 'http', regionId: 'cn-local' };
  const clients = { kms: kms(config), openapi: openApi(config) };
  const results = [];
  for (const step of steps) {
    try {
      results.push({ body: await clients[step.sdk]({ ...step, parameters: filled(step.parameters, results) }) });
    } catch (error) {
      const { code, data, message } = error;
      results.push({ error: { code: code ?? 'none', data, message } });
    }
  }
  process.stdout.write(JSON.stringify(results));
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
