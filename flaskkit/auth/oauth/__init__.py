"""Log in with an account elsewhere: OpenID Connect and OAuth 2, on Authlib. Imported only by apps that name providers.

providers.py    who vouches for users, and what they say       identities.py    whom they mean here
pages.py        the way there and back, linking and unlinking
"""
