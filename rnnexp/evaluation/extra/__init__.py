"""One module per component; the module is named as the component is."""
