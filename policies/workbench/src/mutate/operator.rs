//! The ways in which a policy is made wrong on purpose.

use std::fmt;

/// One way to change a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// The policy is gone.
    DropPolicy,
    /// `permit` for `forbid`, and back.
    FlipEffect,
    /// A `when` or an `unless` is gone.
    DropClause,
    /// One operand of `&&` or `||` is gone.
    DropOperand,
    /// An operand says the opposite.
    NegateOperand,
    /// An `if` is always its one branch.
    PickBranch,
    /// `>` for `>=`, and back; the bound one step further.
    MoveBound,
    /// `context.approval.self` for `.manager`, and back.
    SwapApproval,
    /// The scope lets more through.
    WidenScope,
    /// A literal is missing in a set.
    DropElement,
    /// `@valid_for` is gone.
    DropValidFor,
    /// `@valid_for` is twice as long.
    DoubleValidFor,
    /// `@reuse` is one step wider.
    WidenReuse,
    /// `@approvers` is gone.
    DropApprovers,
    /// `@remedy` is gone.
    DropRemedy,
    /// `@obligations` is gone.
    DropObligations,
}

impl Operator {
    /// Every operator.
    pub const ALL: [Self; 16] = [
        Self::DropPolicy,
        Self::FlipEffect,
        Self::DropClause,
        Self::DropOperand,
        Self::NegateOperand,
        Self::PickBranch,
        Self::MoveBound,
        Self::SwapApproval,
        Self::WidenScope,
        Self::DropElement,
        Self::DropValidFor,
        Self::DoubleValidFor,
        Self::WidenReuse,
        Self::DropApprovers,
        Self::DropRemedy,
        Self::DropObligations,
    ];

    /// The name in comments and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::DropPolicy => "drop-policy",
            Self::FlipEffect => "flip-effect",
            Self::DropClause => "drop-clause",
            Self::DropOperand => "drop-operand",
            Self::NegateOperand => "negate-operand",
            Self::PickBranch => "pick-branch",
            Self::MoveBound => "move-bound",
            Self::SwapApproval => "swap-approval",
            Self::WidenScope => "widen-scope",
            Self::DropElement => "drop-element",
            Self::DropValidFor => "drop-valid-for",
            Self::DoubleValidFor => "double-valid-for",
            Self::WidenReuse => "widen-reuse",
            Self::DropApprovers => "drop-approvers",
            Self::DropRemedy => "drop-remedy",
            Self::DropObligations => "drop-obligations",
        }
    }

    /// By its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operator| operator.name() == name)
    }

    /// What no test notices, if one survives.
    pub fn unnoticed(self) -> &'static str {
        match self {
            Self::DropPolicy => "no test needs this policy",
            Self::FlipEffect => "no test tells what this policy permits from what it forbids",
            Self::DropClause => "no test needs this condition",
            Self::DropOperand => "no test needs this part of the condition",
            Self::NegateOperand => "no test tells this part of the condition from its opposite",
            Self::PickBranch => "no test needs both branches",
            Self::MoveBound => "no test stands right at this bound",
            Self::SwapApproval => "no test tells the user's yes from the manager's here",
            Self::WidenScope => "no test asks about what this part of the scope keeps out",
            Self::DropElement => "no test asks about this element",
            Self::DropValidFor | Self::DoubleValidFor => "no test says how long the yes is good for",
            Self::WidenReuse => "no test says how widely the yes may be reused",
            Self::DropApprovers => "no test says who is asked",
            Self::DropRemedy => "no test says that a fresh sign-in would help",
            Self::DropObligations => "no test says what the host is obliged to",
        }
    }

    /// Which test to write.
    pub fn advice(self) -> &'static str {
        match self {
            Self::DropPolicy | Self::FlipEffect => "write a case that this policy decides, and expect its outcome",
            Self::DropClause | Self::DropOperand | Self::NegateOperand | Self::PickBranch => {
                "write two cases that differ in this part only"
            }
            Self::MoveBound => "write a case at the bound and one a step beyond it",
            Self::SwapApproval => {
                "write a case that expects `self_approve` or `manager_approve`, or one with an approval"
            }
            Self::WidenScope => "write a case just outside the scope that expects another outcome",
            Self::DropElement => "write a case for this element",
            Self::DropValidFor | Self::DoubleValidFor => {
                "expect `approval_request: { valid_for: … }`, or write an `at:` table across the end of an approval"
            }
            Self::WidenReuse => {
                "expect `approval_request: { scope: … }`, or write a case with a wider approval that does not count"
            }
            Self::DropApprovers => "expect `approvers`",
            Self::DropRemedy => "expect the reason `step_up_required`",
            Self::DropObligations => "expect `obligations`",
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
