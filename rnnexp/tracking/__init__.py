"""Where runs are remembered: MLflow, or only the run's own folder."""

from rnnexp.tracking.inputs import Data as Data
from rnnexp.tracking.run import Run as Run
from rnnexp.tracking.run import RunInfo as RunInfo
from rnnexp.tracking.start import find_database as find_database
from rnnexp.tracking.start import flush as flush
from rnnexp.tracking.start import flush_jobs as flush_jobs
from rnnexp.tracking.start import import_early as import_early
from rnnexp.tracking.start import list_packages as list_packages
from rnnexp.tracking.start import start as start
from rnnexp.tracking.start import warm_up as warm_up
