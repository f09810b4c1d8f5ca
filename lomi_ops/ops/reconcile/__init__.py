"""`lomi reconcile`: no pending photo is forgotten, whatever was lost between the database and the queue."""
