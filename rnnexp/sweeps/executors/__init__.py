"""Where jobs run; each executor is one small file, chosen by `hydra/launcher=`."""
