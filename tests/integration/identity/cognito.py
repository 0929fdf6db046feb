"""Amazon Cognito's user pools, as moto plays them: a pool with a user in two groups, signed in.

Prints one JSON line when it is ready: where the key set is, and what the sign-in gave. Ends when standard input does.
moto's tokens name the real Cognito as their issuer, so the key set's address has to be given.
"""

import json
import logging
import sys

import boto3
from moto.server import ThreadedMotoServer

REGION, PASSWORD = "eu-central-1", "Correct-horse-7"


def main():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    cognito = boto3.client("cognito-idp", region_name=REGION, endpoint_url=f"http://{host}:{port}", aws_access_key_id="test",
                           aws_secret_access_key="test")
    pool = cognito.create_user_pool(
        PoolName="shop", Schema=[{"Name": "tenant_id", "AttributeDataType": "String", "Mutable": True}])["UserPool"]["Id"]

    def client(name):
        return cognito.create_user_pool_client(UserPoolId=pool, ClientName=name, ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"])["UserPoolClient"]["ClientId"]

    ours, other = client("shop"), client("other")
    cognito.admin_create_user(UserPoolId=pool, Username="ann", UserAttributes=[{"Name": "custom:tenant_id", "Value": "acme"}])
    cognito.admin_set_user_password(UserPoolId=pool, Username="ann", Password=PASSWORD, Permanent=True)
    for group in ("admins", "staff"):
        cognito.create_group(UserPoolId=pool, GroupName=group)
        cognito.admin_add_user_to_group(UserPoolId=pool, Username="ann", GroupName=group)

    def tokens(of):
        made = cognito.initiate_auth(ClientId=of, AuthFlow="USER_PASSWORD_AUTH",
                                     AuthParameters={"USERNAME": "ann", "PASSWORD": PASSWORD})["AuthenticationResult"]
        return {"access": made["AccessToken"], "id": made["IdToken"]}

    print(json.dumps({"pool": pool, "client": ours, "issuer": f"https://cognito-idp.{REGION}.amazonaws.com/{pool}",
                      "jwks": f"http://{host}:{port}/{pool}/.well-known/jwks.json", "ours": tokens(ours), "other": tokens(other)}), flush=True)
    sys.stdin.read()
    server.stop()


main()
