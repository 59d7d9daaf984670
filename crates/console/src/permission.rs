//! What each role may do. One table; pages, exports and the admin API all ask it.
//!
//! It must never know pages or addresses, nor teams: whose things a session sees is its team's
//! business ([`crate::access::Session`]), and both must hold.

use store::Role;

/// Something a session may be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// See prices, the overview, explore, and statements, a statement's CSV included.
    ReadCosts,
    /// Take what explore, what-if and invoice drift show away, as CSV or Parquet.
    Export,
    /// See single requests and what each cost.
    ReadRequests,
    /// See budgets.
    ReadBudgets,
    /// Change budgets.
    WriteBudgets,
    /// See virtual keys, their secrets apart: nobody sees those.
    ReadKeys,
    /// Make, rotate and revoke virtual keys.
    WriteKeys,
    /// See incidents and the deliveries of their alerts.
    ReadAlerts,
    /// Acknowledge incidents, send deliveries again.
    WriteAlerts,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Permission; 9] = [
        Permission::ReadCosts,
        Permission::Export,
        Permission::ReadRequests,
        Permission::ReadBudgets,
        Permission::WriteBudgets,
        Permission::ReadKeys,
        Permission::WriteKeys,
        Permission::ReadAlerts,
        Permission::WriteAlerts,
    ];

    /// The roles that have it. Admins have all; analysts read all; finance reads all and writes
    /// budgets; engineers read costs, requests, budgets and alerts and write keys; viewers read costs.
    pub const fn roles(self) -> &'static [Role] {
        match self {
            Self::ReadCosts => &Role::ALL,
            Self::ReadRequests | Self::ReadBudgets | Self::ReadKeys | Self::ReadAlerts => {
                &[Role::Admin, Role::Finance, Role::Engineer, Role::Analyst]
            }
            Self::Export => &[Role::Admin, Role::Finance, Role::Analyst],
            Self::WriteBudgets => &[Role::Admin, Role::Finance],
            Self::WriteKeys => &[Role::Admin, Role::Engineer],
            Self::WriteAlerts => &[Role::Admin],
        }
    }

    /// What it lets one do, to follow "may not".
    pub const fn deed(self) -> &'static str {
        match self {
            Self::ReadCosts => "see costs",
            Self::Export => "export figures",
            Self::ReadRequests => "see single requests",
            Self::ReadBudgets => "see budgets",
            Self::WriteBudgets => "change budgets",
            Self::ReadKeys => "see keys",
            Self::WriteKeys => "make, rotate or revoke keys",
            Self::ReadAlerts => "see alerts",
            Self::WriteAlerts => "acknowledge incidents or send alerts again",
        }
    }

    /// Whether a role has it.
    pub fn is_held_by(self, role: Role) -> bool {
        self.roles().contains(&role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_has_what_its_row_says() {
        use Permission::*;
        let reads = [ReadCosts, ReadRequests, ReadBudgets, ReadKeys, ReadAlerts];
        for (role, others) in [
            (Role::Admin, &[Export, WriteBudgets, WriteKeys, WriteAlerts][..]),
            (Role::Finance, &[Export, WriteBudgets]),
            (Role::Engineer, &[WriteKeys]),
            (Role::Analyst, &[Export]),
        ] {
            for permission in Permission::ALL {
                let expected = reads.contains(&permission) || others.contains(&permission);
                assert_eq!(permission.is_held_by(role), expected, "{role} {permission:?}");
            }
        }
        for permission in Permission::ALL {
            assert_eq!(permission.is_held_by(Role::Viewer), permission == ReadCosts);
        }
    }
}
