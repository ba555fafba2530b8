from engine.model import imports as imports  # before anything else imports transformers or bitsandbytes
