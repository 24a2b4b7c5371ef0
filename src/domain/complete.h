/* complete.h - what the parts of domain_fill_defaults share. Private to src/domain. */
#pragma once
#include "domain/domain.h"

/* Append a controller with this index; NULL without room, with `f` set. */
struct domain_controller *complete_add_controller(struct domain *d,
                                                  enum domain_controller_type type,
                                                  enum domain_controller_model model,
                                                  unsigned index, struct fail *f);
int complete_controllers(struct domain *d, struct fail *f);
int complete_chardevs(struct domain *d, struct fail *f);
int complete_pci(struct domain *d, struct fail *f);
