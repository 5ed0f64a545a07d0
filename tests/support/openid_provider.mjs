// node-oidc-provider as a company's sign-in page: one client, any login name, groups by name.
// node provider.mjs PATH-OF-oidc-provider PORT REDIRECT-URI
import { createServer } from "node:http";
const [library, port, redirect] = process.argv.slice(2);
const { default: Provider } = await import(library);
const groups = { ada: ["web", "everyone"], grace: ["ops"] };
const issuer = `http://127.0.0.1:${port}`;
const provider = new Provider(issuer, {
  clients: [{
    client_id: "ringmaster",
    client_secret: "a secret of the client's",
    redirect_uris: [redirect],
    post_logout_redirect_uris: [new URL("/", redirect).href],
    response_types: ["code"],
    grant_types: ["authorization_code"],
  }],
  claims: { openid: ["sub"], profile: ["preferred_username"], groups: ["groups"] },
  scopes: ["openid", "profile", "groups"],
  cookies: { keys: ["of this run only"] },
  pkce: { required: () => true },
  findAccount: async (_, id) => ({
    accountId: id,
    claims: async () => ({ sub: id, preferred_username: id, groups: groups[id] ?? [] }),
  }),
});
createServer(provider.callback()).listen(Number(port), "127.0.0.1", () => console.log("ready"));
