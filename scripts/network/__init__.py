"""The network behind the models: training code shared by the scripts; nothing here is imported by the services."""
