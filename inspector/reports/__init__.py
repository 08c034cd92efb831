"""Reports: one part, or a batch, as a document for people (PDF with page numbers, self-contained HTML), in English and Chinese.

Everything in a report comes from the store. `checking` looks at what somebody wrote of a part against the same record.
"""

from inspector.reports.batch import Batch, batch_of, batch_report
from inspector.reports.checking import Remark, check_statement
from inspector.reports.part import part_report
from inspector.reports.sheet import Sheet
from inspector.reports.writing import FORMATS, file_of, html_of, pdf_of, write_report

__all__ = [
    "FORMATS",
    "Batch",
    "Remark",
    "Sheet",
    "batch_of",
    "batch_report",
    "check_statement",
    "file_of",
    "html_of",
    "part_report",
    "pdf_of",
    "write_report",
]
