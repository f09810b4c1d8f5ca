"""What is held on one user: taken out as an archive, erased, or kept from being erased."""
