"""The server for the tests of this folder."""

from tests.deploy.server import mlflow_server

__all__ = ["mlflow_server"]
