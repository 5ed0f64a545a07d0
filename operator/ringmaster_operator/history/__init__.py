"""What was: attempts, iterations, usage, reports, sessions, in SQLite or PostgreSQL.

The Kubernetes API keeps what *is*; this room keeps what must survive it. A report is acknowledged only after
its commit here, so everything is built around one writer that never says yes too early.
"""

from ringmaster_operator.history.answers import KeptAnswer
from ringmaster_operator.history.cost_queries import FILTERS, GROUPINGS, LABEL, TIMES, Question, RolledUp
from ringmaster_operator.history.errors import (
    ClaimConflict,
    HistoryCorrupt,
    HistoryError,
    HistoryInUse,
    HistoryTooNew,
    HistoryUnavailable,
    LastAdministrator,
    NameTaken,
    ReportConflict,
)
from ringmaster_operator.history.history import History
from ringmaster_operator.history.iteration_records import NewRecord, ReportPlace, StoredRecord
from ringmaster_operator.history.lesson_queries import StoredLesson, Tried, Use
from ringmaster_operator.history.lesson_undo import IMPORT as LESSON_IMPORT
from ringmaster_operator.history.lesson_uses import Learned
from ringmaster_operator.history.lessons import Teaching
from ringmaster_operator.history.notice_records import (
    Message,
    NewNotice,
    StoredSubscription,
    Subscribers,
)
from ringmaster_operator.history.records import (
    AttemptSummary,
    CapabilityChange,
    NewEvent,
    StoredAttempt,
    StoredEvent,
    StoredIteration,
    StoredReport,
    StoredSession,
)
from ringmaster_operator.history.repricing import BeadSums, Correction, Gap, Unpriced
from ringmaster_operator.history.spending import Account, StoredSpending, heard_source
from ringmaster_operator.history.user_records import Actor, AuditEntry, Change

__all__ = [
    "FILTERS",
    "GROUPINGS",
    "LABEL",
    "LESSON_IMPORT",
    "TIMES",
    "Account",
    "Actor",
    "AttemptSummary",
    "AuditEntry",
    "BeadSums",
    "CapabilityChange",
    "Change",
    "ClaimConflict",
    "Committed",
    "Correction",
    "Gap",
    "History",
    "HistoryCorrupt",
    "HistoryError",
    "HistoryInUse",
    "HistoryTooNew",
    "HistoryUnavailable",
    "KeptAnswer",
    "LastAdministrator",
    "Learned",
    "Message",
    "NameTaken",
    "NewEvent",
    "NewNotice",
    "NewRecord",
    "Question",
    "ReportConflict",
    "ReportPlace",
    "RolledUp",
    "StoredAttempt",
    "StoredEvent",
    "StoredIteration",
    "StoredLesson",
    "StoredRecord",
    "StoredReport",
    "StoredSession",
    "StoredSpending",
    "StoredSubscription",
    "Subscribers",
    "Teaching",
    "Tried",
    "Unpriced",
    "Use",
    "heard_source",
]
