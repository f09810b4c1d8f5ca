"""Any photo and any user: lists, everything beside one, histories. Reading works without the schema `lomi`."""
