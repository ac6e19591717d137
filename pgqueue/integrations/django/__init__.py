"""Django's tasks (`django.tasks`, or its backport `django_tasks`) as jobs of pgqueue."""

from pgqueue.integrations.django.backend import PgqueueBackend
from pgqueue.integrations.django.database import conninfo
from pgqueue.integrations.django.running import processors

__all__ = ["PgqueueBackend", "conninfo", "processors"]
